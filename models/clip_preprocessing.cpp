#include "models/clip_preprocessing.hpp"

#include <algorithm>
#include <optional>
#include <string>

#include "models/clip_config.hpp"
#include "models/config_section.hpp"

namespace models {
namespace {

const std::string kShorterSide = "images are resized by their shorter side and cut out of the centre";

ClipPreprocessing numbers_of(const Section& section, const std::string& mean, const std::string& deviation) {
  const ClipPreprocessing standard;
  const ClipPreprocessing found{section.three_numbers(mean, standard.mean),
                                section.three_numbers(deviation, standard.deviation)};
  if (!std::ranges::all_of(found.deviation, [](float value) { return value > 0.0F; }))
    section.fail(deviation, "must be positive");
  return found;
}

// "size" of Hugging Face: {"shortest_edge": 224}, {"height": 224, "width": 224} or, of old files, 224.
void demand_size(const Section& section, const std::string& key, std::int64_t image_size) {
  if (!section.has(key)) return;
  if (const auto extents = section.section_or_none(key)) {
    for (const std::string side : {"shortest_edge", "height", "width"})
      extents->demand(side, image_size, "the image size of the model");
  } else {
    section.demand(key, image_size, "the image size of the model");
  }
}

ClipPreprocessing read_hugging_face(const Section& section, std::int64_t image_size) {
  constexpr int kBicubic = 3;  // of Pillow
  section.demand("resample", kBicubic, "bicubic");
  for (const std::string key : {"do_resize", "do_center_crop", "do_rescale", "do_normalize"})
    section.demand(key, true, kShorterSide + ", then normalised");
  if (const auto size = section.section_or_none("size"); size && !size->has("shortest_edge"))
    section.fail("size", "must be a shortest_edge: " + kShorterSide);
  demand_size(section, "size", image_size);
  demand_size(section, "crop_size", image_size);
  return numbers_of(section, "image_mean", "image_std");
}

ClipPreprocessing read_open_clip(const Section& section) {
  section.demand("interpolation", "bicubic", "as in OpenAI's CLIP");
  section.demand("resize_mode", "shortest", kShorterSide);
  return numbers_of(section, "mean", "std");
}

}  // namespace

std::optional<ClipPreprocessing> read_clip_preprocessing(const std::filesystem::path& folder, ClipLayout layout,
                                                         std::int64_t image_size) {
  if (layout == ClipLayout::open_clip) {
    const std::filesystem::path file = folder / clip_config_name(layout);
    if (!std::filesystem::exists(file)) return std::nullopt;
    const auto section = read_config(file).section("preprocess_cfg");
    return section ? std::optional(read_open_clip(*section)) : std::nullopt;
  }
  if (const auto file = folder / kPreprocessorConfig; std::filesystem::exists(file))
    return read_hugging_face(read_config(file), image_size);
  if (const auto file = folder / "processor_config.json"; std::filesystem::exists(file)) {
    if (const auto section = read_config(file).section("image_processor"))
      return read_hugging_face(*section, image_size);
  }
  return std::nullopt;
}

}  // namespace models
