// Making and comparing tensors in tests.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "engine/autodiff/var.hpp"
#include "engine/tensor/random.hpp"
#include "engine/tensor/tensor.hpp"

namespace tests {

// Normal values of the given scale.
engine::Tensor random_tensor(const engine::Shape& shape, engine::Random& random, double scale = 1.0,
                             engine::DType dtype = engine::DType::f64);
// Uniform values in [low, high).
engine::Tensor uniform_tensor(const engine::Shape& shape, engine::Random& random, double low, double high);

std::vector<double> values_of(const engine::Tensor& tensor);  // row-major

// Fails the test with the worst position, both values and the shape unless |a − b| <= tolerance·(1 + max|b|)
// everywhere.
void check_close(const engine::Tensor& a, const engine::Tensor& b, double tolerance, const std::string& what);
// The same with |a − b| <= tolerance·max|b|, for tensors whose size is far from 1.
void check_relative(const engine::Tensor& a, const engine::Tensor& b, double tolerance, const std::string& what);
void check_same_bits(const engine::Tensor& a, const engine::Tensor& b, const std::string& what);

double inner(engine::TangentSpan a, engine::TangentSpan b);  // Σ a b, absent ones count 0

}  // namespace tests
