#include "datasets/dataset.hpp"

#include <cstddef>
#include <vector>

namespace datasets {

Picture Dataset::read_picture(const std::int64_t index) const {
  const std::int64_t size = image_size();
  const auto plane = static_cast<std::size_t>(size * size);
  std::vector<float> chw(3 * plane);
  read_image(index, chw);
  Picture picture{size, size, std::vector<std::uint8_t>(3 * plane)};
  for (std::size_t i = 0; i < plane; ++i) {
    for (std::size_t c = 0; c < 3; ++c) picture.rgb[3 * i + c] = nearest_byte(chw[c * plane + i]);
  }
  return picture;
}

}  // namespace datasets
