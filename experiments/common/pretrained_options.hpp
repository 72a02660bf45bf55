// What a program begins with, as its user says it: weights that `pretrain` made, or a CLIP checkpoint.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "experiments/common/checkpoint.hpp"
#include "experiments/common/program.hpp"

namespace experiments {

struct PretrainedOptions {
  std::filesystem::path pretrained;
  CheckpointSource source;
  Cut cut = Cut::features;
  bool is_checkpoint() const { return !source.checkpoint.empty(); }
};

// Adds --pretrained, whose default is where `pretrain` writes, and --checkpoint, --vocabulary, --activation and --prompt-cache,
// which exclude it.
void add_pretrained_options(CommandLine& line, PretrainedOptions& options);

void add_linearise_option(CommandLine& line, Cut& cut);  // --linearise

// Throws as load_pretrained and load_checkpoint do, whose result the pool must outlive.
Pretrained load(const PretrainedOptions& options, engine::ShardPool& pool);

// The seed the user chose, or else that of the run that made the weights, as the manifest beside them tells; of a checkpoint, or
// where there is no such manifest, 0.
std::uint64_t seed_for(const CommonOptions& common, const PretrainedOptions& options);

// The recipe the user chose, with the model's own image size, normalisation and extents. For a checkpoint a few numbers have
// other defaults: the reference code's learning rate, shards of a few hundred tokens, and no images kept for pre-training. `known`
// has other defaults of fine-tuning, by the keys of its JSON.
Recipe recipe_for(const CommonOptions& common, const PretrainedOptions& options, const Pretrained& pretrained,
                  const Json& known = {});

}  // namespace experiments
