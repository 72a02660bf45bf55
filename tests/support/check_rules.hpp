// check_rules: everything an op promises, checked at one point with random directions, in f64.
//
//   1 the value against a naive reference          6 every subset of absent tangents equals explicit zeros, and of
//   2 push against a central difference              wanted inputs all of them
//   3 ⟨u, J v⟩ = ⟨Jᵀ u, v⟩                          7 strided inputs equal dense ones
//   4 push and pull twice give the same bits       8 f32 against f64, dense and strided
//   5 push and pull are linear                     9 a fused op against its decomposition, streaming against recording
//  10 second derivatives: symmetric, against differences, and in both nestings
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/autodiff/transforms.hpp"

namespace tests {

struct RuleOptions {
  // The same function in plain loops, on dense f64 inputs.
  std::function<engine::Tensor(const std::vector<engine::Tensor>&)> reference = nullptr;
  double difference_tolerance =
      2e-8;  // central difference, h = 1e-5: truncation h² and rounding 1e-16/h are both near 1e-10
  double exact_tolerance = 1e-12;  // two orders of summation in f64
  double f32_tolerance = 1e-5;
  bool mixed_layouts = false;  // of tangents and cotangents, else dense
};

// f takes inputs.size() values and returns one.
void check_rules(const std::string& name, const engine::Function& f, const std::vector<engine::Tensor>& inputs,
                 const RuleOptions& options = {});

}  // namespace tests
