// A CLIP out of a checkpoint in either layout, and back into one: both towers with their weights, or the one there is.
//
// Features leave the towers un-normalised, and an image's is compared with a text's by exp(logit_scale) times their cosine.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "engine/parallel/shards.hpp"
#include "models/clip_config.hpp"
#include "models/clip_files.hpp"
#include "nn/params.hpp"

namespace models {

struct ImageTower {
  Vit network;
  nn::ParamTree weights;
};
struct LanguageTower {
  TextTower network;
  nn::ParamTree weights;
};

struct Clip {
  std::filesystem::path file;  // what it was read from, for messages
  ClipLayout layout = ClipLayout::open_clip;
  std::optional<ImageTower> image;
  std::optional<LanguageTower> text;
  std::optional<float> logit_scale;  // before exp

  ClipConfig config() const;
};

// Reads a checkpoint (clip_files.hpp says where `path` may point). The config beside it is read if there is one, and must agree
// with the tensors and `activation`; if there is none, the extents are those of the tensors, heads are 64 wide, and `activation`
// is needed, since no tensor tells it. Weights are F32, F16, BF16 or F64 and become f32, each copied once.
//
// Throws std::runtime_error naming the file for a checkpoint of another architecture, a config that contradicts the tensors,
// and a weight that is not finite; one message lists the tensors that are missing, unknown, or of another shape or type, of
// many the first twenty. Tensors are copied on the pool's threads if there is one.
Clip read_clip(const std::filesystem::path& path, std::optional<engine::Activation> activation = std::nullopt,
               engine::ShardPool* pool = nullptr);

// The same checks but those of the values, and nothing kept: the config of what is there.
ClipConfig check_clip(const std::filesystem::path& path, std::optional<engine::Activation> activation = std::nullopt);

// A vector over the image tower's parameters, from a file in either layout. Names it lacks are zero; those of the text tower
// count as known, and have no effect on an image. Throws std::runtime_error listing the tensors that do not belong to the
// model or have another shape, and for one that is not finite.
nn::ParamTree read_image_direction(const std::filesystem::path& path, const Clip& clip);

// The weights of a fine-tuned image tower, from a checkpoint in either layout; those it lacks, such as the projection of a tower
// alone, are `base`'s. A text tower in it is passed over. Throws std::runtime_error listing the tensors that are no CLIP's or
// have another shape, and for weights that are not finite, a file without an image tower, and a config beside it that tells of
// another activation or number of heads.
nn::ParamTree read_tuned_image(const std::filesystem::path& path, const Vit& network, const nn::ParamTree& base);

// Parameters of a tower under the names and in the shapes of a layout. `tower` is "visual." or "".
nn::NamedTensors in_layout(const nn::ParamTree& params, const std::string& tower, ClipLayout layout);

// Writes the weights as F32. The config is for the caller (clip_config_files).
void write_clip(const std::filesystem::path& file, const Clip& clip, ClipLayout layout);

}  // namespace models
