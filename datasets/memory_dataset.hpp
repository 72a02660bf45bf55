// A data set held in memory as bytes, and how to turn any other into one: what is slow to draw or decode is done once,
// not in every epoch. A byte b stands for b / 255.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "datasets/dataset.hpp"

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

// Calls body(0) .. body(count - 1), in any order, perhaps several at once.
using ForEach = std::function<void(std::int64_t count, const std::function<void(std::int64_t)>& body)>;
void serial(std::int64_t count, const std::function<void(std::int64_t)>& body);  // one after the other

// All images of `source`, rounded to the nearest byte. The result does not depend on for_each.
std::shared_ptr<const Dataset> materialise(const Dataset& source, const ForEach& for_each = serial);

}  // namespace datasets
