// Contrastive pre-training of an image encoder against captions.                            [Radford et al. 2021,
// figure 3]
//
// z_i = f(x_i)/‖f(x_i)‖, t_u the embedding of distinct caption u of the batch, S_iu = s ⟨z_i, t_u⟩, s =
// exp(logit_scale):
//   L = ½ CE(rows of S: image i to its caption) + ½ CE(columns of S: caption u to the images that carry it, uniformly)
#pragma once

#include <cstdint>
#include <span>

#include "nn/steps.hpp"

namespace models {

struct ContrastiveLoss {
  double loss;
  engine::Tensor features_bar;  // ∂L/∂features [B, E]
  double logit_scale_bar;       // ∂L/∂logit_scale
};

// features [B, E] un-normalised; captions[i] is the row of `texts` [U, E] (unit rows) that image i carries.
ContrastiveLoss contrastive_loss(const engine::Tensor& features, const engine::Tensor& texts,
                                 std::span<const std::int64_t> captions, double logit_scale);

struct ContrastiveStep {
  double loss;
  nn::ParamTree gradient;  // with respect to θ
  double logit_scale_bar;
};

// The loss couples all images of the batch, so every shard is recorded first, and pulled after the loss is known.
ContrastiveStep contrastive_step(const nn::Model& f, const nn::ParamTree& theta, const engine::Tensor& images,
                                 const engine::Tensor& texts, std::span<const std::int64_t> captions,
                                 double logit_scale, const nn::Shards& shards);

}  // namespace models
