// Another set's images for a model with a normalisation of its own.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "datasets/dataset.hpp"

namespace datasets {

class Normalised final : public Dataset {
 public:
  // Throws std::invalid_argument if base is null or a deviation is not positive.
  Normalised(std::shared_ptr<const Dataset> base, const Normalisation& normalisation);
  const std::shared_ptr<const Dataset>& base() const noexcept { return base_; }
  std::int64_t size() const override { return base_->size(); }
  std::int64_t image_size() const override { return base_->image_size(); }
  Normalisation normalisation() const override { return normalisation_; }
  std::span<const std::string> class_names() const override { return base_->class_names(); }
  std::int64_t label(std::int64_t index) const override { return base_->label(index); }
  void read_image(std::int64_t index, std::span<float> chw) const override { base_->read_image(index, chw); }
  Picture read_picture(std::int64_t index) const override { return base_->read_picture(index); }

 private:
  std::shared_ptr<const Dataset> base_;
  Normalisation normalisation_;
};

}  // namespace datasets
