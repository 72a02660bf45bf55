// What fine-tuning on one task gives, in the network and in its tangent model at θ0.         [Ortiz-Jimenez et al. 2023,
// figures 2 and 5]
//
//   zero_shot  f(x; θ0)
//   standard   f(x; θ0 + τ),              τ fine-tuned in weight space
//   posthoc    f(x; θ0) + J(x; θ0) τ,     the same τ
//   linear     f(x; θ0) + J(x; θ0) τ,     τ fine-tuned in the tangent space
//
// The non-linear advantage over a model m of the last two is (accuracy(standard) − accuracy(m)) / (1 − 1/K) for K
// classes: in [−1, 1], and 0 where fine-tuning stays in the linear regime.
#pragma once

#include <string>

#include "experiments/arithmetic/task_vectors.hpp"

namespace experiments {

// The stage. Returns tasks, classes, test_images, zero_shot, single_task per mode, the same two on validation,
// nonlinear_advantage, and points: per task the accuracies that the scatter plots show. Writes the reference code's files
// into <folder>/reference.
Json single_task(const Context& context, const TaskVectorInputs& inputs, const RunFolder& folder);

std::string single_task_table(const Json& results);  // for people

double nonlinear_advantage(double standard, double linearised, std::int64_t classes);

}  // namespace experiments
