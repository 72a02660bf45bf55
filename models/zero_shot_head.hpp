// A classification head made from text, frozen: logits = s · ⟨w_c, z/‖z‖⟩.                  [Radford et al. 2021,
// section 3.1] The features are normalised here, after the encoder, so what is linearised is the un-normalised feature
// (as in the paper's code); unless the model before it does so already, and this is a linear map.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/autodiff/var.hpp"

namespace models {

enum class HeadInput { of_any_length, normalised };

class ZeroShotHead {
 public:
  // class_embeddings [K, E] are the w_c, rows of unit length, made by a text tower (models/prompt_ensemble.hpp) or of word
  // vectors (models/word_vectors.hpp). s is exp(logit_scale).
  ZeroShotHead(const engine::Tensor& class_embeddings, double scale, HeadInput input = HeadInput::of_any_length);

  // Computed in the features' element type.
  engine::Var logits(const engine::Var& features) const;                              // [B, E] -> [B, K]
  engine::Var loss(const engine::Var& features, const engine::Tensor& labels) const;  // mean cross entropy, a scalar
  std::vector<std::int64_t> predict(const engine::Tensor& features) const;  // the first largest logit of each row
  std::int64_t classes() const noexcept { return weights_.shape()[0]; }

 private:
  engine::Tensor weights_;  // [K, E], scaled by s
  HeadInput input_;
};

// The fraction of features whose prediction is the label, each of the B rows counted once.
double accuracy(const ZeroShotHead& head, const engine::Tensor& features, const engine::Tensor& labels);

}  // namespace models
