// How a checkpoint wants its images, as the files beside it say: preprocessor_config.json (Hugging Face; newer versions:
// processor_config.json) and preprocess_cfg of open_clip_config.json.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>

#include "models/clip_names.hpp"

namespace models {

// Of values in [0, 1], by channel; where nothing is said, OpenAI's [github.com/openai/CLIP, clip/clip.py].
struct ClipPreprocessing {
  std::array<float, 3> mean = {0.48145466F, 0.4578275F, 0.40821073F};
  std::array<float, 3> deviation = {0.26862954F, 0.26130258F, 0.27577711F};
};

inline constexpr const char* kPreprocessorConfig = "preprocessor_config.json";  // of Hugging Face

// Of the checkpoint whose configs lie in `folder`; nullopt where they say nothing. Throws std::runtime_error naming the file
// and the key for anything but bicubic resizing of the shorter side to `image_size`, a centre crop, and a normalisation.
std::optional<ClipPreprocessing> read_clip_preprocessing(const std::filesystem::path& folder, ClipLayout layout,
                                                         std::int64_t image_size);

}  // namespace models
