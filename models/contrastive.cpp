#include "models/contrastive.hpp"

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/autodiff/transforms.hpp"
#include "engine/ops/ops.hpp"

namespace models {

using engine::Shape;
using engine::Tensor;
using engine::Var;
using engine::Vars;
using engine::VarSpan;

namespace {

// The batch's own captions: which rows of the text table occur, and for each image its position among them.
struct BatchCaptions {
  Tensor texts;      // [U', E]
  Tensor positions;  // [B] i64
  Tensor shares;     // [U', B]: 1/n on the n images that carry caption u
};

BatchCaptions captions_of_batch(const Tensor& texts, std::span<const std::int64_t> captions) {
  for (const std::int64_t caption : captions) {
    if (caption < 0 || caption >= texts.shape()[0]) {
      throw std::invalid_argument("[contrastive_loss] needs captions in 0 .. " + std::to_string(texts.shape()[0] - 1) +
                                  "; got " + std::to_string(caption) + ".");
    }
  }
  const Tensor table = texts.contiguous();
  std::vector<std::int64_t> distinct(captions.begin(), captions.end());
  std::ranges::sort(distinct);
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  const std::int64_t U = static_cast<std::int64_t>(distinct.size());
  const std::int64_t B = static_cast<std::int64_t>(captions.size());
  const std::int64_t E = texts.shape()[1];
  std::vector<std::int64_t> positions;
  std::vector<double> counts(distinct.size(), 0.0);
  for (const std::int64_t caption : captions) {
    positions.push_back(std::ranges::lower_bound(distinct, caption) - distinct.begin());
    counts[static_cast<std::size_t>(positions.back())] += 1.0;
  }
  Tensor rows = Tensor::empty({U, E});
  Tensor shares = Tensor::zeros({U, B});
  float* row = rows.writable().data<float>();
  float* share = shares.writable().data<float>();
  for (const std::int64_t caption : distinct) row = std::copy_n(table.data<float>() + caption * E, E, row);
  for (std::int64_t i = 0; i < B; ++i) {
    const std::int64_t u = positions[static_cast<std::size_t>(i)];
    share[u * B + i] = static_cast<float>(1.0 / counts[static_cast<std::size_t>(u)]);
  }
  return {rows, Tensor::from<std::int64_t>(positions, {B}), shares};
}

}  // namespace

ContrastiveLoss contrastive_loss(const Tensor& features, const Tensor& texts, std::span<const std::int64_t> captions,
                                 double logit_scale) {
  const BatchCaptions batch = captions_of_batch(texts, captions);
  const Shape scores{features.shape()[0], batch.texts.shape()[0]};
  const engine::Function loss = [&](VarSpan x) {
    const Var cosines = linear(engine::l2_normalize(x[0]), batch.texts);
    const Var logits = mul(cosines, broadcast_to(exp(x[1]), scores));
    const Var to_caption = engine::cross_entropy(logits, batch.positions);
    const Var to_images = engine::soft_cross_entropy(reshape(transpose(logits), {scores[1], scores[0]}), batch.shares);
    return Vars{scale(add(to_caption, to_images), 0.5)};
  };
  const engine::Tangents one{Var(Tensor::full({}, 1.0))};
  const auto [value, bars] = vjp(loss, Vars{features, Tensor::full({}, logit_scale)}, one);
  return {value[0].tensor().item(), bars[0].value().tensor(), bars[1].value().tensor().item()};
}

ContrastiveStep contrastive_step(const nn::Model& f, const nn::ParamTree& theta, const Tensor& images,
                                 const Tensor& texts, std::span<const std::int64_t> captions, double logit_scale,
                                 const nn::Shards& shards) {
  const std::int64_t B = images.shape()[0];
  const std::int64_t count = engine::shard_count(B, shards.size);
  std::vector<std::optional<nn::TangentRecording>> recordings(static_cast<std::size_t>(count));
  shards.pool.run(count, [&](std::int64_t shard) {
    const auto [begin, end] = engine::shard_range(shard, B, shards.size);
    recordings[static_cast<std::size_t>(shard)].emplace(nn::record(f, theta, images.slice(0, begin, end)));
  });
  Vars parts;
  for (const std::optional<nn::TangentRecording>& recording : recordings) parts.emplace_back(recording->primal());
  const ContrastiveLoss loss = contrastive_loss(engine::concat(parts, 0).tensor(), texts, captions, logit_scale);

  nn::ParamTree gradient(theta.shared_layout());
  shards.pool.run_ordered<nn::ParamTree>(
      count,
      [&](std::int64_t shard) {
        const auto [begin, end] = engine::shard_range(shard, B, shards.size);
        std::optional<nn::TangentRecording> recording;
        recording.swap(recordings[static_cast<std::size_t>(shard)]);  // freed with the shard
        return std::move(*recording).pull(loss.features_bar.slice(0, begin, end));
      },
      [&](std::int64_t, nn::ParamTree&& part) { gradient.axpy(1.0, part); });
  return {loss.loss, std::move(gradient), loss.logit_scale_bar};
}

}  // namespace models
