// Images are rendered in blocks, so that the float image between source and bytes is allocated once per block.
#include "datasets/memory_dataset.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "datasets/bounds.hpp"
#include "datasets/normalised.hpp"

namespace datasets {
namespace {

constexpr std::int64_t kRenderedAtOnce = 16;  // images

float value_of(const std::uint8_t byte) noexcept { return static_cast<float>(byte) / 255.0f; }

// Another set with its values rounded to bytes, as they would be in memory.
class Rounded final : public Dataset {
 public:
  explicit Rounded(std::shared_ptr<const Dataset> base) : base_(std::move(base)) {}
  std::int64_t size() const override { return base_->size(); }
  std::int64_t image_size() const override { return base_->image_size(); }
  Normalisation normalisation() const override { return base_->normalisation(); }
  std::span<const std::string> class_names() const override { return base_->class_names(); }
  std::int64_t label(const std::int64_t index) const override { return base_->label(index); }
  void read_image(const std::int64_t index, const std::span<float> chw) const override {
    base_->read_image(index, chw);
    for (float& value : chw) value = value_of(nearest_byte(value));
  }

 private:
  std::shared_ptr<const Dataset> base_;
};

}  // namespace

MemoryDataset::MemoryDataset(std::vector<std::uint8_t> pixels, const std::int64_t image_size,
                             std::vector<std::int64_t> labels, std::vector<std::string> class_names)
    : pixels_(std::move(pixels)),
      image_size_(image_size),
      labels_(std::move(labels)),
      class_names_(std::move(class_names)) {
  if (image_size_ < 1 || static_cast<std::int64_t>(pixels_.size()) != size() * 3 * image_size_ * image_size_) {
    throw std::invalid_argument("[memory_dataset] needs N·3·S² bytes and S >= 1; arrived " +
                                std::to_string(pixels_.size()) + " bytes for N = " + std::to_string(size()) +
                                ", S = " + std::to_string(image_size_) + ".");
  }
  check_labels("memory_dataset", labels_, class_names_.size());
}

std::int64_t MemoryDataset::label(const std::int64_t index) const {
  check_index("memory_dataset", index, size());
  return labels_[static_cast<std::size_t>(index)];
}

void MemoryDataset::read_image(const std::int64_t index, const std::span<float> chw) const {
  check_index("memory_dataset", index, size());
  check_room("memory_dataset", chw, image_size_);
  const auto image = std::span(pixels_).subspan(static_cast<std::size_t>(index) * chw.size(), chw.size());
  std::ranges::transform(image, chw.begin(), value_of);
}

std::shared_ptr<const Dataset> materialise(const Dataset& source, const ForEach& for_each) {
  const std::int64_t count = source.size();
  const auto values = static_cast<std::size_t>(3 * source.image_size() * source.image_size());
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(count) * values);
  std::vector<std::int64_t> labels(static_cast<std::size_t>(count));
  const auto render_block = [&](const std::int64_t block) {
    std::vector<float> chw(values);
    for (std::int64_t index = block * kRenderedAtOnce; index < std::min(count, (block + 1) * kRenderedAtOnce);
         ++index) {
      const auto image = static_cast<std::size_t>(index);
      source.read_image(index, chw);
      std::ranges::transform(chw, pixels.begin() + static_cast<std::ptrdiff_t>(image * values), nearest_byte);
      labels[image] = source.label(index);
    }
  };
  for_each((count + kRenderedAtOnce - 1) / kRenderedAtOnce, render_block);
  const std::span<const std::string> names = source.class_names();
  auto kept = std::make_shared<const MemoryDataset>(std::move(pixels), source.image_size(), std::move(labels),
                                                    std::vector<std::string>(names.begin(), names.end()));
  if (source.normalisation() == Normalisation{}) return kept;
  return std::make_shared<const Normalised>(std::move(kept), source.normalisation());
}

std::shared_ptr<const Dataset> in_memory(std::shared_ptr<const Dataset> source, const ForEach& for_each,
                                         const std::int64_t most_bytes) {
  if (!source) throw std::invalid_argument("[in_memory] needs a data set; arrived null.");
  const std::int64_t image_bytes = 3 * source->image_size() * source->image_size();
  if (source->size() > most_bytes / image_bytes) return std::make_shared<const Rounded>(std::move(source));
  return materialise(*source, for_each);
}

}  // namespace datasets
