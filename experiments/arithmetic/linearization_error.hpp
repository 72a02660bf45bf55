// How fast the network leaves its tangent at θ0 along a task vector.
//
//   e(α) = mean over x of ‖ f(x; θ0 + α τ) − f(x; θ0) − α J(x; θ0) τ ‖₂  =  α²/2 ‖D²f(x; θ0)[τ, τ]‖ + O(α³)
//
// so log e against log α starts with slope 2. It is measured for τ whole and for its part in each group of parameters
// (the rest of τ set to 0), in double precision: what is left is smaller than single precision can show.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/arithmetic/task_vectors.hpp"

namespace experiments {

struct ParameterGroup {
  std::string name;
  std::vector<std::string> prefixes;  // of the names of its parameters
};
// The whole; embedding (patches, positions, ln_pre); attention and MLP of each block; output (ln_post, proj).
std::vector<ParameterGroup> parameter_groups(const models::VitConfig& config);
nn::ParamTree part_of(const nn::ParamTree& tau, const ParameterGroup& group);  // zero outside the group

// Slope of log y against log x by least squares; both positive, at least two of them.
double log_slope(const std::vector<double>& x, const std::vector<double>& y);

// The stage, on the first `images` test images of each task. Returns alphas (2^-7 ... 2), tasks, groups and, per mode whose
// τ it is (standard, linear), task and group: error e(α), relative e(α) / mean ‖α J τ‖, and slope, fitted where α <= 1/16;
// null where τ has no such part.
Json linearization_error(const Context& context, const TaskVectorInputs& inputs, std::int64_t images,
                         const RunFolder& folder);
std::int64_t linearization_error_images(std::string_view preset);

std::string linearization_error_table(const Json& results);  // for people

}  // namespace experiments
