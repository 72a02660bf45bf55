// What the experiments on task vectors share when they count: the three models a task vector makes, averages over
// tasks, and the α that is searched.
//
//   standard   f(x; θ0 + α τ),              τ fine-tuned in weight space
//   posthoc    f(x; θ0) + α J(x; θ0) τ,     the same τ
//   linear     f(x; θ0) + α J(x; θ0) τ,     τ fine-tuned in the tangent space
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "experiments/common/recipe.hpp"

namespace experiments {

inline constexpr std::array<const char*, 3> kModes{"standard", "posthoc", "linear"};

// Those of them that a part of the results tells of, and a line for people about the one that was left out, if any.
std::vector<const char*> modes_in(const Json& by_mode);
std::string without_mode(const Json& by_mode);
// A line about where the tangent models were cut, if not as in the paper.
std::string about_cut(const Json& results);

double mean(std::span<const double> values);
double average(const Json& map);  // of the numbers in an object

double ratio(double value, double reference);  // value / reference; 0 if the reference is not above 0

// Mean of accuracies[i] / single[i], those of single-task models, over the tasks where the latter is above 0: a model that
// gets nothing right is no measure. None if there is no such task.
std::optional<double> normalised(std::span<const double> accuracies, std::span<const double> single);

// Of what fine-tuning gains over zero-shot, the share that is kept, on average over tasks. None if it gains nothing; a
// mean of the same counts in another order differs by rounding, which is no gain.
std::optional<double> gap_closed(std::span<const double> accuracies, std::span<const double> single,
                                 std::span<const double> zero_shot);
Json or_null(const std::optional<double>& value);

inline constexpr double kAlphaStep = 0.05;  // of the paper

// 0, step, ..., 1. Throws std::invalid_argument unless 1 is a multiple of the step.
std::vector<double> alpha_grid(double step = kAlphaStep);

// The α of a sum of task vectors: the first at which the accuracies added[i] of its tasks, at alphas[i], have the greatest
// normalised accuracy; or mean accuracy, where no single-task model gets anything right.
double choose_addition_alpha(std::span<const double> alphas, std::span<const std::vector<double>> added,
                             std::span<const double> single);

// A number of the results for people, by `write`; "-" if it is null.
std::string or_dash(const Json& value, const std::function<std::string(double)>& write);

struct Spread {
  double mean;
  double deviation;  // of the sample, with n - 1; 0 of a single value
};
Spread spread(std::span<const double> values);

}  // namespace experiments
