// The ops once more, in plain loops over dense f64 values: what check_rules compares their values with.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "engine/autodiff/var.hpp"
#include "engine/tensor/tensor.hpp"
#include "tests/support/check_rules.hpp"

namespace tests {

using Reference = std::function<engine::Tensor(const std::vector<engine::Tensor>&)>;

Reference elementwise(double (*f)(double));
Reference elementwise(double (*f)(double, double));
Reference rowwise(const std::function<void(double*, std::size_t)>& f);  // of the first input, in place on each row

double gelu_of(double z);
double quick_gelu_of(double z);
void softmax_row(double* row, std::size_t length);
void unit_row(double* row, std::size_t length);
engine::Tensor naive_layer_norm(const std::vector<engine::Tensor>& x, double eps);  // x, gamma, beta
engine::Tensor naive_matmul(const std::vector<engine::Tensor>& x);
engine::Tensor naive_linear(const std::vector<engine::Tensor>& x, const std::function<double(double)>& g);
engine::Tensor naive_linear_add(const std::vector<engine::Tensor>& x);  // x, W, b and what is added to
engine::Tensor naive_attention(const engine::Tensor& qkv, std::int64_t heads, bool causal = false);
engine::Tensor naive_cross_entropy(const engine::Tensor& logits, const engine::Tensor& targets);
engine::Tensor naive_sum(const engine::Tensor& x, const engine::Axes& axes);  // axes not negative

// cast to the other type and back, so that value and cotangents keep the type of the input. Through f32, f64 keeps 24 bits: a
// difference of values near 4 is then known to 2^-22 / 1e-5.
engine::Vars cast_there_and_back(engine::VarSpan x);
RuleOptions cast_options();

// y[i] = x[source(i)] at every index i of `shape`, and 0 where source(i) is none: what an op does that moves elements.
using Index = std::vector<std::int64_t>;
engine::Tensor gathered(const engine::Tensor& x, const engine::Shape& shape,
                        const std::function<std::optional<Index>(const Index&)>& source);

}  // namespace tests
