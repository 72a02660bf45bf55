// What config.json (Hugging Face) and open_clip_config.json say of a CLIP: the two towers' extents, and what no tensor tells,
// the activation and the number of heads.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "models/clip_names.hpp"
#include "models/clip_preprocessing.hpp"
#include "models/text_tower.hpp"
#include "models/vit.hpp"

namespace models {

struct ClipConfig {
  std::optional<VitConfig> image;  // a checkpoint may hold one tower alone
  std::optional<TextConfig> text;
};

// The config's file beside a checkpoint of this layout.
std::string clip_config_name(ClipLayout layout);

// Reads it. Keys that are missing take the values of the layout's own code: of ViT-B/32, with QuickGELU if it is Hugging Face's
// and GELU if it is open_clip's. Throws std::runtime_error naming the file, the key, what it is and what was expected, for
// what is no JSON, for another architecture, and for an option of CLIP's relatives that would change the result.
ClipConfig read_clip_config(const std::filesystem::path& file, ClipLayout layout);

// The files of a config in `folder`, in the form in which both Python libraries read it; with how images are prepared if that is
// given, which Hugging Face keeps in a file of its own. Throws std::runtime_error if the layout has no such config.
struct ConfigFile {
  std::filesystem::path path;
  std::string text;
};
std::vector<ConfigFile> clip_config_files(const std::filesystem::path& folder, ClipLayout layout,
                                          const ClipConfig& config,
                                          const std::optional<ClipPreprocessing>& pixels = std::nullopt);

}  // namespace models
