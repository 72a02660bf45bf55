// Task negation: θ0 − α τ_t makes the model forget task t and, it is hoped, nothing else.    [Ortiz-Jimenez et al. 2023,
// table 2]
//
//   standard   f(x; θ0 − α τ_t),              τ_t fine-tuned in weight space
//   posthoc    f(x; θ0) − α J(x; θ0) τ_t,     the same τ_t
//   linear     f(x; θ0) − α J(x; θ0) τ_t,     τ_t fine-tuned in the tangent space
//
// Each task and mode has an α of its own: of those in 0, 0.05, ..., 1 at which the accuracy on a control task's validation
// images is at least 95 % of the pre-trained one, the first that minimises the accuracy on the task's.
#pragma once

#include <span>
#include <string>

#include "experiments/arithmetic/task_vectors.hpp"

namespace experiments {

inline constexpr double kControlThreshold = 0.95;

// The stage. inputs.control must be a task: throws std::invalid_argument if it is "none". Returns tasks, zero_shot,
// control, control_threshold, alpha_grid and, per mode, negation: alpha, target and control accuracy on test images per
// task, the validation curves, and the tasks without_alpha, of which no α above 0 keeps the control. Writes the reference
// code's files into <folder>/reference.
Json task_negation(const Context& context, const TaskVectorInputs& inputs, const RunFolder& folder);

std::string negation_table(const Json& results);  // for people

// The first α that minimises `target` among those whose `control` is at least `floor`; 0 with `found` false if no α
// above 0 is among them.
struct NegationAlpha {
  double alpha;
  bool found;
};
NegationAlpha choose_negation_alpha(std::span<const double> alphas, std::span<const double> target,
                                    std::span<const double> control, double floor);

}  // namespace experiments
