// What every source of labelled images offers, built in or read from disk.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace datasets {

class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual std::int64_t size() const = 0;
  virtual std::int64_t image_size() const = 0;  // images are square: [3, image_size, image_size]
  virtual std::span<const std::string> class_names() const = 0;
  virtual std::int64_t label(std::int64_t index) const = 0;
  // Writes image `index` as [3, H, W] RGB values in [0, 1]. May be called from several threads at once.
  virtual void read_image(std::int64_t index, std::span<float> chw) const = 0;
};

}  // namespace datasets
