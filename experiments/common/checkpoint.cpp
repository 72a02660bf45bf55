#include "experiments/common/checkpoint.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

#include "engine/ops/ops.hpp"
#include "engine/parallel/precision.hpp"
#include "engine/tensor/hash.hpp"
#include "experiments/common/captions.hpp"
#include "experiments/common/interrupt.hpp"
#include "experiments/common/progress.hpp"
#include "models/activation_names.hpp"
#include "models/clip.hpp"
#include "models/clip_preprocessing.hpp"
#include "models/prompt_ensemble.hpp"
#include "nn/checkpoint.hpp"

namespace experiments {
namespace {

using engine::Tensor;

constexpr std::int64_t kTextsInShard = 8;
constexpr float kMostLogitScale = 10.0F;  // before exp

// Tokens behind the last end of a text move no feature; without them prompts of ten words are encoded five times as fast.
Tensor without_padding(const Tensor& tokens, std::int64_t end) {
  const std::int64_t B = tokens.shape()[0];
  const std::int64_t T = tokens.shape()[1];
  const Tensor dense = tokens.contiguous();
  std::int64_t longest = 1;
  for (std::int64_t b = 0; b < B; ++b) {
    const std::int64_t* const row = dense.data<std::int64_t>() + b * T;
    longest = std::max(longest, std::min(T, std::find(row, row + T, end) - row + 1));
  }
  return dense.slice(1, 0, longest);
}

models::TextEncoder encoder_of(std::shared_ptr<const models::LanguageTower> tower, std::int64_t end,
                               engine::ShardPool& pool) {
  return [tower = std::move(tower), end, &pool](const Tensor& tokens) {
    const std::int64_t B = tokens.shape()[0];
    const nn::Params params(tower->weights);
    std::vector<std::optional<Tensor>> parts(static_cast<std::size_t>(engine::shard_count(B, kTextsInShard)));
    pool.run(static_cast<std::int64_t>(parts.size()), [&](std::int64_t shard) {
      stop_stage_if_asked("encoding the prompts");
      const auto [begin, last] = engine::shard_range(shard, B, kTextsInShard);
      parts[static_cast<std::size_t>(shard)] =
          tower->network(params, without_padding(tokens.slice(0, begin, last), end)).tensor();
    });
    engine::Vars rows;
    for (const std::optional<Tensor>& part : parts) rows.emplace_back(part.value());
    return engine::concat(rows, 0).tensor();
  };
}

std::string identity_of(const models::LanguageTower& tower) {
  const models::TextConfig& c = tower.network.config();
  engine::Hash hash;
  hash.add(nn::checksum(tower.weights));
  for (const std::int64_t extent : {c.context, c.vocabulary, c.width, c.depth, c.heads, c.embedding})
    hash.add(static_cast<std::uint64_t>(extent));
  hash.add(std::bit_cast<std::uint64_t>(c.mlp_ratio));
  hash.add(models::to_string(c.activation));
  return hash.hex();
}

TextEmbedder text_tower(models::LanguageTower read, models::Tokenizer tokenizer,
                        const std::filesystem::path& prompt_cache, engine::ShardPool& pool) {
  const auto tower = std::make_shared<const models::LanguageTower>(std::move(read));
  const std::string identity = identity_of(*tower);
  const std::int64_t end = tokenizer.vocabulary().end();
  const std::string with_vocabulary = identity + " " + tokenizer.identity();
  const std::string cached_as = identity + " " + std::string(to_string(engine::precision()));
  return {plain_prompts,
          [=, encoder = encoder_of(tower, end, pool),
           tokenizer = std::make_shared<const models::Tokenizer>(std::move(tokenizer))](const auto& prompts) {
            const Waiting waiting("encoding prompts");
            return models::cached_prompt_ensemble(prompt_cache, cached_as, encoder, *tokenizer, prompts);
          },
          with_vocabulary};
}

}  // namespace

Pretrained load_checkpoint(const CheckpointSource& source, engine::ShardPool& pool) {
  const Waiting waiting("reading " + source.checkpoint.string());
  models::Clip clip = models::read_clip(source.checkpoint, source.clip.activation, &pool);
  const auto demand = [&](bool holds, const std::string& problem) {
    if (!holds) throw std::runtime_error("[checkpoint] " + clip.file.string() + ": " + problem);
  };
  demand(clip.image.has_value(), "holds no image tower.");
  demand(clip.text.has_value(),
         "holds no text tower, which makes the heads; give the whole model. A fine-tuned image tower becomes a task "
         "vector against its base (docs/clip.md).");
  demand(clip.logit_scale.has_value(), "lacks the tensor 'logit_scale', which whole models have.");
  demand(std::abs(*clip.logit_scale) <= kMostLogitScale,
         "its logit_scale is " + std::to_string(*clip.logit_scale) + "; needed is a logarithm, of CLIP at most 4.6.");
  demand(clip.image->network.features() == clip.text->network.features(),
         "its image features have " + std::to_string(clip.image->network.features()) +
             " numbers and its text features " + std::to_string(clip.text->network.features()) +
             "; a whole model has as many in both.");
  const models::TextConfig& text = clip.text->network.config();
  const std::filesystem::path folder = clip.file.has_parent_path() ? clip.file.parent_path() : ".";
  models::Tokenizer tokenizer(
      models::Vocabulary(source.vocabulary.empty() ? folder : source.vocabulary, text.vocabulary),
      {.context = text.context});
  const models::ClipPreprocessing pixels =
      models::read_clip_preprocessing(folder, clip.layout, clip.image->network.config().image_size)
          .value_or(models::ClipPreprocessing{});
  return {std::move(clip.image->network),
          std::move(clip.image->weights),
          static_cast<double>(*clip.logit_scale),
          text_tower(*std::move(clip.text), std::move(tokenizer), source.prompt_cache, pool),
          {pixels.mean, pixels.deviation}};
}

}  // namespace experiments
