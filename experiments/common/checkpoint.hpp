// A CLIP checkpoint as what the experiments begin with: its image tower's weights are θ0, and its text tower makes the heads
// from CLIP's prompts (models/prompt_ensemble.hpp).
#pragma once

#include <filesystem>

#include "engine/parallel/shards.hpp"
#include "experiments/common/clip_options.hpp"
#include "experiments/common/pretraining.hpp"

namespace experiments {

struct CheckpointSource {
  std::filesystem::path checkpoint;    // models/clip_files.hpp says where it may point
  std::filesystem::path vocabulary;    // models/vocabulary.hpp likewise; empty: beside the checkpoint
  std::filesystem::path prompt_cache;  // the folder in which heads are kept
  ClipOptions clip;
};

// The pool must outlive what is returned: texts are encoded on it. Throws std::runtime_error naming the file and the cause:
// what models::read_clip and models::Vocabulary refuse, a tower or the logit scale that is missing, images prepared in another
// way than CLIP's.
Pretrained load_checkpoint(const CheckpointSource& source, engine::ShardPool& pool);

}  // namespace experiments
