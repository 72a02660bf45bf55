// check_rules: everything an op promises, checked at one point with random directions, in f64.
//
//  1 the value against a naive reference          6 every subset of absent tangents equals explicit zeros, and of
//  wanted inputs 2 push against a central difference            7 strided inputs equal dense ones 3 ⟨u, J v⟩ = ⟨Jᵀ u,
//  v⟩                          8 f32 against f64 4 push and pull twice give the same bits       9 a fused op against
//  its decomposition, and streaming against recording 5 push and pull are linear                     10 second
//  derivatives: symmetric, against differences, and in both nestings
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
  bool second_order = true;
};

// f takes inputs.size() values and returns one.
void check_rules(const std::string& name, const engine::Function& f, const std::vector<engine::Tensor>& inputs,
                 const RuleOptions& options = {});

}  // namespace tests
