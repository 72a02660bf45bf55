// What every source of labelled images offers, built in or read from disk.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>

#include "datasets/normalisation.hpp"
#include "datasets/picture.hpp"

namespace datasets {

class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual std::int64_t size() const = 0;
  virtual std::int64_t image_size() const = 0;                // images are square: [3, image_size, image_size]
  virtual Normalisation normalisation() const { return {}; }  // of the model that looks at them; done by the loader
  virtual std::span<const std::string> class_names() const = 0;
  virtual std::int64_t label(std::int64_t index) const = 0;
  // Writes image `index` as [3, H, W] RGB values in [0, 1]. May be called from several threads at once.
  virtual void read_image(std::int64_t index, std::span<float> chw) const = 0;
  // Image `index` before it is brought to size, for crops; likewise. A set that has no more than the square gives it in
  // the nearest bytes.
  virtual Picture read_picture(std::int64_t index) const;
};

// A byte b stands for b / 255. Of NaN it is 0.
inline std::uint8_t nearest_byte(const float value) noexcept {
  return value > 0.0f ? static_cast<std::uint8_t>(255.0f * std::min(value, 1.0f) + 0.5f) : std::uint8_t{0};
}

}  // namespace datasets
