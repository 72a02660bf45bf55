// Checkpoints from one layout into the other, tensor by tensor in a buffer of constant size, each keeping its element type.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>

#include "models/clip.hpp"

namespace models {

// Reads what `from` points at (clip_files.hpp) and writes it into `folder`, made if absent: model.safetensors and config.json,
// or open_clip_model.safetensors and open_clip_config.json. F64 becomes F32. Throws as read_clip does,
// and what `between`, called before each block of a tensor, throws: the folder's files are then as they were.
void convert_checkpoint(
    const std::filesystem::path& from, ClipLayout to, const std::filesystem::path& folder,
    std::optional<engine::Activation> activation = std::nullopt, const std::function<void()>& between = [] {});

}  // namespace models
