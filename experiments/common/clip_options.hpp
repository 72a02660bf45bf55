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

void add_clip_options(CommandLine& line, std::filesystem::path& checkpoint,
                      ClipOptions& options);  // --checkpoint, required
void add_activation_option(CommandLine& line, ClipOptions& options);

}  // namespace experiments
