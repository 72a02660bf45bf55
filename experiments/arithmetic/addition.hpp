// Task addition: θ0 + α Σ_t τ_t evaluated on every task, with one α for all, chosen on validation images.
// [Ortiz-Jimenez et al. 2023, table 1]
//
//   standard   f(x; θ0 + α Σ τ_t),              τ fine-tuned in weight space
//   posthoc    f(x; θ0) + α J(x; θ0) Σ τ_t,     the same τ
//   linear     f(x; θ0) + α J(x; θ0) Σ τ_t,     τ fine-tuned in the tangent space
//
// for all tasks, and for subsets of K = 2, 4, ... of them: how much does each further task cost? Each sum has an α of its
// own, the first maximiser on validation images, over 0, step, ..., 1, of the normalised accuracy: the mean over its tasks
// of accuracy / single-task accuracy of the same mode and split. A task whose single-task model gets nothing right is left
// out of it; if all are, α is that of the greatest accuracy. The gap closed is
// (mean accuracy - mean zero-shot) / (mean single-task - mean zero-shot).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "experiments/arithmetic/scores.hpp"
#include "experiments/arithmetic/task_vectors.hpp"

namespace experiments {

struct AdditionOptions {
  double alpha_step = kAlphaStep;
  // Sums of each K below the number of tasks, at most; the network needs a pass for each of them and each α.
  std::int64_t subsets = 0;
};
// Of a preset; throws std::invalid_argument if there is none of that name.
AdditionOptions addition_options(std::string_view preset);

// The stage. Returns what docs/results.md lists. Writes the reference code's files into <folder>/reference. Throws
// std::invalid_argument unless 1 is a multiple of the step.
Json task_addition(const Context& context, const TaskVectorInputs& inputs, const RunFolder& folder,
                   const AdditionOptions& options = {});

std::string addition_table(const Json& results);    // for people
std::string addition_details(const Json& results);  // the same, of subsets and over α

}  // namespace experiments
