#include "models/clip_preprocessing.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
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
  // Of values in [0, 1]: what is far beyond is of another range, or damaged.
  if (!std::ranges::all_of(found.mean, [](float value) { return std::abs(value) <= 10.0F; }))
    section.fail(mean, "must be of values in [0, 1], at most 10");
  if (!std::ranges::all_of(found.deviation, [](float value) { return value >= 1e-3F && value <= 10.0F; }))
    section.fail(deviation, "must be of values in [0, 1], from 0.001 to 10");
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
  if (std::abs(255.0 * section.number("rescale_factor", 1.0 / 255.0) - 1.0) > 1e-3)
    section.fail("rescale_factor", "must be 1/255, which brings bytes into [0, 1]");
  if (const auto size = section.section_or_none("size"); size && !size->has("shortest_edge"))
    section.fail("size", "must be a shortest_edge: " + kShorterSide);
  demand_size(section, "size", image_size);
  demand_size(section, "crop_size", image_size);
  return numbers_of(section, "image_mean", "image_std");
}

ClipPreprocessing read_open_clip(const Section& section, std::int64_t image_size) {
  section.demand("mode", "RGB", "of three channels");
  if (section.has("size")) {
    const nlohmann::json& size = section.value("size");
    if (size != image_size && size != nlohmann::json{image_size, image_size})
      section.fail("size", "must be the image size of the model, " + std::to_string(image_size));
  }
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
    return section ? std::optional(read_open_clip(*section, image_size)) : std::nullopt;
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
