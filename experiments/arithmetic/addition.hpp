// Task addition: θ0 + α Σ_t τ_t evaluated on every task, with one α for all, chosen on validation images.
// [Ortiz-Jimenez et al. 2023, table 1]
//
//   standard   f(x; θ0 + α Σ τ_t),              τ fine-tuned in weight space
//   posthoc    f(x; θ0) + α J(x; θ0) Σ τ_t,     the same τ
//   linear     f(x; θ0) + α J(x; θ0) Σ τ_t,     τ fine-tuned in the tangent space
//
// Normalised accuracy is the mean over tasks of accuracy / single-task accuracy of the same mode and split; α maximises
// it on validation, the first maximiser of 0, 0.05, ..., 1.
#pragma once

#include <string>

#include "experiments/arithmetic/task_vectors.hpp"

namespace experiments {

// The stage. Returns tasks, zero_shot, single_task, addition (alpha, absolute, normalised, gap_closed, per_task,
// validation curves) and control. Writes the reference code's files into <folder>/reference.
Json task_addition(const Context& context, const TaskVectorInputs& inputs, const RunFolder& folder);

std::string addition_table(const Json& results);  // for people

}  // namespace experiments
