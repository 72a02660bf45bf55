// Features of whole data sets. For linearised models everything about α follows from these without another pass:
//   features(α) = f0 + α · J τ,   and J of a sum of task vectors is the sum of their J
#pragma once

#include <initializer_list>
#include <span>
#include <vector>

#include "datasets/dataset.hpp"
#include "datasets/subset.hpp"
#include "experiments/common/tasks.hpp"
#include "models/zero_shot_head.hpp"
#include "nn/steps.hpp"

namespace experiments {

engine::Tensor labels_of(const datasets::Dataset& images);  // [N] i64

// Computed in the parameters' element type.
struct Features {
  engine::Tensor values;  // [N, E]
  engine::Tensor labels;  // [N] i64
};
Features features(const nn::Model& f, const nn::ParamTree& theta, const datasets::Dataset& images,
                  const nn::Shards& shards);

struct TangentFeatures {
  engine::Tensor primal;                                   // f(x; θ0), [N, E]
  std::vector<engine::Tensor> tangents;                    // J τ_k, [N, E] each
  engine::Tensor labels;                                   // [N] i64
  Features at(double alpha, std::size_t direction) const;  // f0 + α J τ_k
  struct Term {
    double alpha;
    std::size_t direction;
  };
  Features at(std::initializer_list<Term> terms) const;                  // f0 + Σ α J τ_k, in their order
  Features at(double alpha, std::span<const std::size_t> sum_of) const;  // f0 + α Σ J τ_k, in their order
};
// One pass: each image's tangents share one primal, 1 + 2k units.
TangentFeatures tangent_features(const nn::TangentModel& f, const datasets::Dataset& images,
                                 std::span<const nn::ParamTree> directions, const nn::Shards& shards);

// The first `most` images, or all if there are not as many.
datasets::Subset first_images(const DatasetPtr& images, std::int64_t most);

double accuracy(const models::ZeroShotHead& head, const Features& features);

}  // namespace experiments
