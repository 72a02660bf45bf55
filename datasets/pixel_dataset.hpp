// A data set whose pictures lie in memory as their file has them: all of one size, grey or colour, pixel by pixel or
// plane by plane, row by row or column by column. Strides tell which; each picture goes through resize_and_crop
// (datasets/resample.hpp) when it is read.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "datasets/dataset.hpp"

namespace datasets {

struct PixelLayout {
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::int64_t first = 0;          // where the first picture begins
  std::int64_t picture_bytes = 0;  // from one picture to the next, and so on
  std::int64_t row_bytes = 0;
  std::int64_t column_bytes = 0;
  std::int64_t channel_bytes = 0;  // 0: grey, the same byte for all three
};

class PixelDataset final : public Dataset {
 public:
  // labels [N] in 0 .. K - 1. Throws std::invalid_argument if the bytes, the labels or image_size do not fit.
  PixelDataset(std::vector<std::uint8_t> bytes, const PixelLayout& layout, std::vector<std::int64_t> labels,
               std::vector<std::string> class_names, std::int64_t image_size);
  std::int64_t size() const override { return static_cast<std::int64_t>(labels_.size()); }
  std::int64_t image_size() const override { return image_size_; }
  std::span<const std::string> class_names() const override { return class_names_; }
  std::int64_t label(std::int64_t index) const override;
  void read_image(std::int64_t index, std::span<float> chw) const override;
  Picture read_picture(std::int64_t index) const override;

 private:
  std::vector<std::uint8_t> bytes_;
  PixelLayout layout_;
  std::vector<std::int64_t> labels_;
  std::vector<std::string> class_names_;
  std::int64_t image_size_;
};

}  // namespace datasets
