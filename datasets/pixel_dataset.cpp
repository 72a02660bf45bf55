#include "datasets/pixel_dataset.hpp"

#include <stdexcept>
#include <utility>

#include "datasets/bounds.hpp"
#include "datasets/resample.hpp"

namespace datasets {

PixelDataset::PixelDataset(std::vector<std::uint8_t> bytes, const PixelLayout& layout, std::vector<std::int64_t> labels,
                           std::vector<std::string> class_names, const std::int64_t image_size)
    : bytes_(std::move(bytes)),
      layout_(layout),
      labels_(std::move(labels)),
      class_names_(std::move(class_names)),
      image_size_(image_size) {
  check_labels("pixel_dataset", labels_, class_names_.size());
  check_image_size("pixel_dataset", image_size_);
  const std::int64_t last_byte = layout_.first + (size() - 1) * layout_.picture_bytes +
                                 (layout_.height - 1) * layout_.row_bytes + (layout_.width - 1) * layout_.column_bytes +
                                 2 * layout_.channel_bytes;
  if (layout_.height < 1 || layout_.width < 1 ||
      (size() > 0 && last_byte >= static_cast<std::int64_t>(bytes_.size()))) {
    throw std::invalid_argument("[pixel_dataset] " + std::to_string(size()) + " pictures of " +
                                std::to_string(layout_.height) + " x " + std::to_string(layout_.width) +
                                " do not lie in " + std::to_string(bytes_.size()) + " bytes.");
  }
}

std::int64_t PixelDataset::label(const std::int64_t index) const {
  check_index("pixel_dataset", index, size());
  return labels_[static_cast<std::size_t>(index)];
}

void PixelDataset::read_image(const std::int64_t index, const std::span<float> chw) const {
  check_room("pixel_dataset", chw, image_size_);
  to_planes(resize_and_crop(read_picture(index), image_size_), chw);
}

Picture PixelDataset::read_picture(const std::int64_t index) const {
  check_index("pixel_dataset", index, size());
  Picture picture{layout_.height, layout_.width, {}};
  picture.rgb.reserve(static_cast<std::size_t>(3 * layout_.height * layout_.width));
  for (std::int64_t y = 0; y < layout_.height; ++y) {
    for (std::int64_t x = 0; x < layout_.width; ++x) {
      const std::uint8_t* const pixel = bytes_.data() + layout_.first + index * layout_.picture_bytes +
                                        y * layout_.row_bytes + x * layout_.column_bytes;
      for (std::int64_t c = 0; c < 3; ++c) picture.rgb.push_back(pixel[c * layout_.channel_bytes]);
    }
  }
  return picture;
}

}  // namespace datasets
