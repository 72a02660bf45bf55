// A view of chosen images of another data set, in the order given; an image may be chosen more than once.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "datasets/dataset.hpp"

namespace datasets {

class Subset final : public Dataset {
 public:
  // Throws std::invalid_argument if base is null or an index is outside it.
  Subset(std::shared_ptr<const Dataset> base, std::vector<std::int64_t> indices);
  std::int64_t size() const override { return static_cast<std::int64_t>(indices_.size()); }
  std::int64_t image_size() const override { return base_->image_size(); }
  Normalisation normalisation() const override { return base_->normalisation(); }
  std::span<const std::string> class_names() const override { return base_->class_names(); }
  std::int64_t label(std::int64_t index) const override { return base_->label(base_index(index)); }
  void read_image(std::int64_t index, std::span<float> chw) const override {
    base_->read_image(base_index(index), chw);
  }
  Picture read_picture(std::int64_t index) const override { return base_->read_picture(base_index(index)); }

 private:
  std::int64_t base_index(std::int64_t index) const;

  std::shared_ptr<const Dataset> base_;
  std::vector<std::int64_t> indices_;
};

}  // namespace datasets
