// How far two task vectors disturb each other: the disentanglement error over a grid of coefficients.
//                                                              [Ortiz-Jimenez et al. 2023, figures 3 and 6]
//   ξ(α1, α2) = Σ_t E_{x of task t} [ argmax f(x; θ0 + α_t τ_t) ≠ argmax f(x; θ0 + α1 τ1 + α2 τ2) ],   t = 1, 2
//
// for the network (standard) and the tangent models with the same (posthoc) and with their own τ (linear). A tangent
// model is f0 + α1 J τ1 + α2 J τ2: two tangents of an image give its whole map. The network is evaluated at every point.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "experiments/arithmetic/task_vectors.hpp"

namespace experiments {

struct DisentanglementGrid {
  std::int64_t points;  // along each axis
  double range;         // from -range to range
  std::int64_t images;  // test images of each task, if there are as many
};
// Of a preset; throws std::invalid_argument if there is none of that name.
DisentanglementGrid disentanglement_grid(std::string_view preset);

using TaskPair = std::pair<std::string, std::string>;

// Task i with task i + n/2: every task once, the last one left out if n is odd.
std::vector<TaskPair> default_pairs(const std::vector<TaskSource>& sources);
// "digits:signs" and so on; the default if there is none. Throws std::invalid_argument unless each names two different
// tasks of `sources`.
std::vector<TaskPair> parse_pairs(const std::vector<std::string>& pairs, const std::vector<TaskSource>& sources);

// The stage. Returns alphas, search_box and pairs: tasks,
// images, and per mode the disagreement of each task, xi_sum (their sum, in [0, 2]) and xi_mean (half of it), as
// map[i][j] at α1 = alphas[i] and α2 = alphas[j], and a summary of xi_sum.
Json disentanglement(const Context& context, const TaskVectorInputs& inputs, const std::vector<TaskPair>& pairs,
                     const DisentanglementGrid& grid, const RunFolder& folder);

// Of its results: the mean over pairs of a number in a mode's summaries, null where a pair has none.
Json mean_over_pairs(const Json& results, const std::string& mode, const std::string& key);

std::string disentanglement_table(const Json& results);  // for people, with the maps in characters

}  // namespace experiments
