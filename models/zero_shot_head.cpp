#include "models/zero_shot_head.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "engine/ops/ops.hpp"
#include "engine/tensor/errors.hpp"

namespace models {

using engine::Tensor;
using engine::Var;

ZeroShotHead::ZeroShotHead(const Tensor& class_embeddings, const double scale, const HeadInput input)
    : weights_(engine::scale(class_embeddings, scale).tensor()), input_(input) {
  if (class_embeddings.shape().rank() != 2) {
    throw engine::ShapeError("[zero_shot_head] the class embeddings must be [K, E]; arrived " +
                             to_string(class_embeddings.shape()) + ".");
  }
}

Var ZeroShotHead::logits(const Var& features) const {
  const Var z = input_ == HeadInput::normalised ? features : engine::l2_normalize(features);
  return engine::linear(z, weights_.to(features.dtype()));
}

Var ZeroShotHead::loss(const Var& features, const Tensor& labels) const {
  return engine::cross_entropy(logits(features), labels);
}

std::vector<std::int64_t> ZeroShotHead::predict(const Tensor& features) const {
  // The length of a feature does not change which logit is largest, so it is not normalised here.
  const Tensor scores = engine::linear(features, weights_).tensor();
  const std::int64_t K = classes();
  std::vector<std::int64_t> predictions;
  for (std::int64_t b = 0; b < scores.shape()[0]; ++b) {
    const float* row = scores.data<float>() + b * K;
    if (!std::all_of(row, row + K, [](float score) { return std::isfinite(score); })) {
      throw std::runtime_error("[zero_shot_head] the scores of row " + std::to_string(b) +
                               " are not finite; the weights are damaged or training diverged.");
    }
    predictions.push_back(std::max_element(row, row + K) - row);
  }
  return predictions;
}

double accuracy(const ZeroShotHead& head, const Tensor& features, const Tensor& labels) {
  const std::vector<std::int64_t> predictions = head.predict(features);
  if (predictions.empty()) throw std::invalid_argument("[accuracy] needs at least one row.");
  const Tensor dense = labels.contiguous();
  std::int64_t correct = 0;
  for (std::size_t b = 0; b < predictions.size(); ++b)
    correct += predictions[b] == dense.data<std::int64_t>()[b] ? 1 : 0;
  return static_cast<double>(correct) / static_cast<double>(predictions.size());
}

}  // namespace models
