// Labels are drawn at construction (one byte each), images on demand.
#include "datasets/world/world_dataset.hpp"

#include <algorithm>
#include <numeric>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "datasets/world/filters.hpp"
#include "engine/tensor/hash.hpp"

namespace datasets::world {
namespace {

class WorldDataset final : public Dataset {
 public:
  WorldDataset(const TaskSpec& task, const Distribution distribution, const Split split, const std::int64_t count,
               const std::uint64_t seed, const std::int64_t image_size)
      : task_(task), distribution_(distribution), split_(split), seed_(seed), image_size_(image_size) {
    const auto classes = static_cast<std::int64_t>(task.text.class_names.size());
    std::vector<std::int64_t> block(static_cast<std::size_t>(classes));
    for (std::int64_t first = 0; first < count; first += classes) {
      std::iota(block.begin(), block.end(), std::int64_t{0});
      stream(kLabels, first).shuffle(block);
      const std::int64_t taken = std::min(classes, count - first);
      labels_.insert(labels_.end(), block.begin(), block.begin() + taken);
    }
  }

  std::int64_t size() const override { return static_cast<std::int64_t>(labels_.size()); }
  std::int64_t image_size() const override { return image_size_; }
  std::span<const std::string> class_names() const override { return task_.text.class_names; }

  std::int64_t label(const std::int64_t index) const override {
    if (index < 0 || index >= size()) {
      throw std::out_of_range("[world] " + std::string(task_.name) + " has images 0 to " + std::to_string(size() - 1) +
                              "; asked for " + std::to_string(index) + ".");
    }
    return labels_[static_cast<std::size_t>(index)];
  }

  void read_image(const std::int64_t index, const std::span<float> chw) const override {
    const std::int64_t image_label = label(index);
    if (static_cast<std::int64_t>(chw.size()) != 3 * image_size_ * image_size_) {
      throw std::invalid_argument("[world] an image of " + std::string(task_.name) + " has 3·" +
                                  std::to_string(image_size_) + "² values; arrived room for " +
                                  std::to_string(chw.size()) + ".");
    }
    engine::Random random = stream(kImages, index);
    Canvas canvas(chw, image_size_);
    task_.render(canvas, image_label, distribution_, random);
    clamp_unit(chw);
    if (distribution_ == Distribution::web) web_style(chw, image_size_, random);
  }

 private:
  static constexpr std::uint64_t kImages = 0;
  static constexpr std::uint64_t kLabels = 1;

  engine::Random stream(const std::uint64_t purpose, const std::int64_t index) const {
    return {seed_,
            engine::hash_of(task_.name),
            static_cast<std::uint64_t>(distribution_),
            static_cast<std::uint64_t>(split_),
            purpose,
            static_cast<std::uint64_t>(index)};
  }

  const TaskSpec& task_;
  Distribution distribution_;
  Split split_;
  std::uint64_t seed_;
  std::int64_t image_size_;
  std::vector<std::uint8_t> labels_;
};

}  // namespace

std::shared_ptr<Dataset> make_world_dataset(const TaskSpec& task, const Distribution distribution, const Split split,
                                            const std::int64_t count, const std::uint64_t seed,
                                            const std::int64_t image_size) {
  if (count < 0 || image_size < 8) {
    throw std::invalid_argument("[world] a data set needs count >= 0 and image_size >= 8; arrived count " +
                                std::to_string(count) + ", image_size " + std::to_string(image_size) + ".");
  }
  return std::make_shared<WorldDataset>(task, distribution, split, count, seed, image_size);
}

}  // namespace datasets::world
