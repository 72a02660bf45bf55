#include "experiments/data/contact_sheet.hpp"

#include <algorithm>
#include <cctype>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "datasets/image.hpp"
#include "datasets/label_font.hpp"

namespace experiments {
namespace {

constexpr std::int64_t kLeastTile = 64;  // small images are shown larger
constexpr std::int64_t kGap = 2;
constexpr std::size_t kLongestName = 40;
constexpr std::uint8_t kBackground = 235;

struct Sheet {
  std::int64_t width = 0;
  std::vector<std::uint8_t> rgb;
};

// Copies an image [3, S, S], each pixel zoom × zoom times, to (left, top) of the sheet.
void place(std::span<const float> chw, std::int64_t size, std::int64_t zoom, Sheet& sheet, std::int64_t left,
           std::int64_t top) {
  for (std::int64_t y = 0; y < size * zoom; ++y) {
    for (std::int64_t x = 0; x < size * zoom; ++x) {
      for (std::int64_t channel = 0; channel < 3; ++channel) {
        const float value = chw[static_cast<std::size_t>((channel * size + y / zoom) * size + x / zoom)];
        const std::int64_t pixel = ((top + y) * sheet.width + left + x) * 3 + channel;
        sheet.rgb[static_cast<std::size_t>(pixel)] = datasets::nearest_byte(value);
      }
    }
  }
}

std::string label_of(const std::string& class_name) {  // the font has small letters
  std::string label = class_name.substr(0, kLongestName);
  std::ranges::transform(label, label.begin(),
                         [](char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); });
  return label;
}

}  // namespace

void write_contact_sheet(const datasets::Dataset& set, std::int64_t samples, const std::filesystem::path& file) {
  const std::int64_t size = set.image_size();
  const std::int64_t zoom = std::max<std::int64_t>(1, kLeastTile / size);
  const std::int64_t tile = size * zoom;
  const std::int64_t classes = static_cast<std::int64_t>(set.class_names().size());
  std::size_t longest = 0;
  for (const std::string& name : set.class_names()) longest = std::max(longest, label_of(name).size());
  const std::int64_t margin = (static_cast<std::int64_t>(longest) + 1) * datasets::kGlyphWidth;
  const std::int64_t height = classes * (tile + kGap);
  Sheet sheet{margin + samples * (tile + kGap), {}};
  if (height > datasets::kMostPngBytes / (3 * sheet.width + 1)) {
    throw std::invalid_argument("[sheet] " + std::to_string(sheet.width) + " x " + std::to_string(height) +
                                " pixels are too many for a sheet; show fewer or smaller images of each class.");
  }
  sheet.rgb.assign(static_cast<std::size_t>(sheet.width * height * 3), kBackground);
  for (std::int64_t row = 0; row < classes; ++row) {
    const std::int64_t top = row * (tile + kGap) + (tile - datasets::kGlyphHeight) / 2;
    datasets::write_label(sheet.rgb, sheet.width, datasets::kGlyphWidth / 2, top,
                          label_of(set.class_names()[static_cast<std::size_t>(row)]));
  }
  std::vector<std::int64_t> placed(static_cast<std::size_t>(classes), 0);
  std::vector<float> image(static_cast<std::size_t>(3 * size * size));
  for (std::int64_t i = 0; i < set.size(); ++i) {
    const std::int64_t row = set.label(i);
    if (placed[static_cast<std::size_t>(row)] >= samples) continue;
    try {
      set.read_image(i, image);
    } catch (const std::runtime_error&) {  // the survey tells of it
      continue;
    }
    const std::int64_t column = placed[static_cast<std::size_t>(row)]++;
    place(image, size, zoom, sheet, margin + column * (tile + kGap), row * (tile + kGap));
  }
  datasets::write_png(file, sheet.width, height, sheet.rgb);
}

}  // namespace experiments
