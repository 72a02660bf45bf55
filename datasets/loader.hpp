// Batches of a data set as tensors. Batch `position` of epoch `epoch` is a pure function of (seed, epoch, position),
// random crops included: there is no cursor, so training may resume anywhere and several threads may ask at once.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "datasets/dataset.hpp"
#include "datasets/for_each.hpp"
#include "engine/tensor/tensor.hpp"

namespace datasets {

struct Batch {
  engine::Tensor images;              // [B, 3, S, S] f32, normalised as the data set says
  engine::Tensor labels;              // [B] i64
  std::vector<std::int64_t> indices;  // of the images in the data set
};

struct LoaderOptions {
  std::int64_t batch_size = 128;
  std::uint64_t seed = 0;
  bool shuffle = true;
  bool drop_last = false;    // leave out a last batch that is not full
  bool random_crop = false;  // a view of each image drawn anew in every epoch (datasets/random_crop.hpp)
};

class Loader {
 public:
  // Throws std::invalid_argument if there is no data set, batch_size is not positive, or an epoch would have no batch.
  Loader(std::shared_ptr<const Dataset> dataset, LoaderOptions options);
  std::int64_t batches_per_epoch() const noexcept;
  // Does not depend on for_each, whose body makes a few images. Throws std::invalid_argument unless epoch >= 0 and
  // position is in 0 .. batches_per_epoch() - 1, and what the data set throws for the first image it cannot read.
  Batch batch(std::int64_t epoch, std::int64_t position, const ForEach& for_each = serial) const;

 private:
  using Order = std::shared_ptr<const std::vector<std::int64_t>>;
  Order order(std::int64_t epoch) const;

  std::shared_ptr<const Dataset> dataset_;
  LoaderOptions options_;
  mutable std::mutex mutex_;  // guards the order of the epoch last asked for
  mutable Order last_order_;
  mutable std::int64_t last_epoch_ = -1;
};

// Images begin .. end - 1 in their own order, for evaluation. Throws std::invalid_argument unless 0 <= begin <= end <=
// size.
Batch load_range(const Dataset& dataset, std::int64_t begin, std::int64_t end);

}  // namespace datasets
