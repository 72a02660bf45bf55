// How programs are told of a CLIP checkpoint.
#pragma once

#include <filesystem>
#include <optional>

#include "engine/ops/ops.hpp"
#include "experiments/common/command_line.hpp"

namespace experiments {

struct ClipOptions {
  std::optional<engine::Activation> activation;  // for a checkpoint without a config
};

Option add_checkpoint_option(CommandLine& line, std::filesystem::path& checkpoint);  // --checkpoint
Option add_activation_option(CommandLine& line, ClipOptions& options);               // --activation
// Both, the first required.
void add_clip_options(CommandLine& line, std::filesystem::path& checkpoint, ClipOptions& options);

}  // namespace experiments
