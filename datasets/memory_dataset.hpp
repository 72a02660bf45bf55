// A data set held in memory as bytes, and how to turn any other into one: what is slow to draw or decode is done once,
// not in every epoch.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "datasets/dataset.hpp"
#include "datasets/for_each.hpp"

namespace datasets {

class MemoryDataset final : public Dataset {
 public:
  // pixels [N, 3, S, S], labels [N] in 0 .. K - 1, K class names. Throws std::invalid_argument if they do not match.
  MemoryDataset(std::vector<std::uint8_t> pixels, std::int64_t image_size, std::vector<std::int64_t> labels,
                std::vector<std::string> class_names);
  std::int64_t size() const override { return static_cast<std::int64_t>(labels_.size()); }
  std::int64_t image_size() const override { return image_size_; }
  std::span<const std::string> class_names() const override { return class_names_; }
  std::int64_t label(std::int64_t index) const override;
  void read_image(std::int64_t index, std::span<float> chw) const override;

 private:
  std::vector<std::uint8_t> pixels_;
  std::int64_t image_size_;
  std::vector<std::int64_t> labels_;
  std::vector<std::string> class_names_;
};

// All images of `source`, rounded to the nearest byte. The result does not depend on for_each, whose body takes a block
// of images.
std::shared_ptr<const Dataset> materialise(const Dataset& source, const ForEach& for_each = serial);

// The same images, values and labels as of materialise(*source), kept in memory if that takes at most `most_bytes`: 1
// GiB is 349 525 images of 32 x 32, or 7 133 of 224 x 224. A larger set is read from `source` again each time. Throws
// std::invalid_argument if source is null.
inline constexpr std::int64_t kMostBytesInMemory = std::int64_t{1} << 30;  // of one set
std::shared_ptr<const Dataset> in_memory(std::shared_ptr<const Dataset> source, const ForEach& for_each = serial,
                                         std::int64_t most_bytes = kMostBytesInMemory);

}  // namespace datasets
