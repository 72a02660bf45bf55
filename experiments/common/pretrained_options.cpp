#include "experiments/common/pretrained_options.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "experiments/common/run_folder.hpp"

namespace experiments {
namespace {

constexpr double kReferenceRate = 1e-5;       // [gortizji/tangent_task_arithmetic, src/finetune.py]
constexpr std::int64_t kTokensInShard = 400;  // of B/32 eight images; their activations stay near the core
constexpr std::int64_t kMostInShard = 16;

}  // namespace

void add_pretrained_options(CommandLine& line, PretrainedOptions& options) {
  options.pretrained = default_out("pretrain") / "pretrained.safetensors";
  options.source.prompt_cache = default_out("prompts");
  const std::string kGroup = "CLIP checkpoint (docs/clip.md)";
  const Option pretrained = line.option("--pretrained", options.pretrained, "pretrained.safetensors of `pretrain`");
  Option checkpoint = add_checkpoint_option(line, options.source.checkpoint);
  checkpoint.excludes(pretrained).group(kGroup);
  line.option("--vocabulary", options.source.vocabulary,
              "Its vocabulary: a folder with vocab.json and merges.txt, or bpe_simple_vocab_16e6.txt.gz (default: "
              "beside the checkpoint)")
      .needs(checkpoint)
      .group(kGroup);
  add_activation_option(line, options.source.clip).needs(checkpoint).group(kGroup);
  line.option("--prompt-cache", options.source.prompt_cache, "Folder in which the heads made of its prompts are kept")
      .needs(checkpoint)
      .group(kGroup);
}

void add_linearise_option(CommandLine& line, Cut& cut) {
  line.action(
          "--linearise",
          [&cut](const std::string& name) { cut = name == to_string(Cut::logits) ? Cut::logits : Cut::features; },
          "features (default): the encoder, whose output the head normalises, as in the paper's code; logits: the head "
          "as well")
      .among({std::string(to_string(Cut::features)), std::string(to_string(Cut::logits))});
}

Pretrained load(const PretrainedOptions& options, engine::ShardPool& pool) {
  Pretrained pretrained =
      options.is_checkpoint() ? load_checkpoint(options.source, pool) : load_pretrained(options.pretrained);
  pretrained.cut = options.cut;
  return pretrained;
}

std::uint64_t seed_for(const CommonOptions& common, const PretrainedOptions& options) {
  if (common.seed.has_value()) return *common.seed;
  if (options.is_checkpoint()) return 0;
  const std::optional<Json> manifest = noted_manifest(options.pretrained.parent_path());
  const Json seed = manifest.has_value() ? manifest->value("seed", Json()) : Json();
  return seed.is_number_unsigned() ? seed.get<std::uint64_t>() : 0;
}

Recipe recipe_for(const CommonOptions& common, const PretrainedOptions& options, const Pretrained& pretrained,
                  const Json& known) {
  const models::VitConfig& vit = pretrained.vit.config();
  Recipe recipe = chosen_recipe(common, [&](Recipe& preset) {
    if (options.is_checkpoint()) {
      const std::int64_t side = vit.image_size / vit.patch;
      preset.finetune.lr = kReferenceRate;
      preset.pretrain.images_per_domain = 0;
      preset.shard_size = std::clamp(kTokensInShard / (side * side + 1), std::int64_t{1}, kMostInShard);
    }
    if (known.empty()) return;
    Json finetune = to_json(preset.finetune);
    finetune.update(known);
    preset.finetune = finetune_recipe_from_json(finetune);
  });
  recipe.vit = vit;
  recipe.normalisation = pretrained.normalisation;
  return recipe;
}

}  // namespace experiments
