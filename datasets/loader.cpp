// An epoch's order is a Fisher–Yates shuffle [Durstenfeld 1964] drawn from the stream {seed, epoch}.
#include "datasets/loader.hpp"

#include <algorithm>
#include <functional>
#include <numeric>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>

#include "datasets/random_crop.hpp"
#include "datasets/resample.hpp"
#include "engine/tensor/random.hpp"

namespace datasets {
namespace {

constexpr std::int64_t kBlock = 4;  // images that one thread makes at a time

std::vector<std::int64_t> epoch_order(const std::int64_t count, const LoaderOptions& options,
                                      const std::int64_t epoch) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  if (!options.shuffle) return order;
  engine::Random({options.seed, static_cast<std::uint64_t>(epoch)}).shuffle(order);
  return order;
}

using ReadImage = std::function<void(std::int64_t index, std::span<float> chw)>;

Batch gather(const Dataset& dataset, std::vector<std::int64_t> indices, const ReadImage& read_image,
             const ForEach& for_each) {
  const Normalisation normalisation = dataset.normalisation();
  const auto count = static_cast<std::int64_t>(indices.size());
  const std::int64_t size = dataset.image_size();
  const auto plane = static_cast<std::size_t>(size * size);
  engine::Tensor images = engine::Tensor::empty({count, 3, size, size});
  engine::Tensor labels = engine::Tensor::empty({count}, engine::DType::i64);
  float* const values = images.writable().data<float>();
  std::int64_t* const label = labels.writable().data<std::int64_t>();
  for_each((count + kBlock - 1) / kBlock, [&](const std::int64_t block) {
    for (std::int64_t i = block * kBlock; i < std::min(count, (block + 1) * kBlock); ++i) {
      const std::int64_t index = indices[static_cast<std::size_t>(i)];
      const std::span image(values + i * static_cast<std::int64_t>(3 * plane), 3 * plane);
      read_image(index, image);
      for (std::size_t c = 0; c < 3; ++c) {
        for (float& value : image.subspan(c * plane, plane)) {
          value = (value - normalisation.mean[c]) / normalisation.deviation[c];
        }
      }
      label[i] = dataset.label(index);
    }
  });
  return {std::move(images), std::move(labels), std::move(indices)};
}

}  // namespace

Loader::Loader(std::shared_ptr<const Dataset> dataset, const LoaderOptions options)
    : dataset_(std::move(dataset)), options_(options) {
  if (!dataset_) throw std::invalid_argument("[loader] needs a data set; arrived null.");
  if (options_.batch_size < 1) {
    throw std::invalid_argument("[loader] batch_size must be positive; arrived " + std::to_string(options_.batch_size) +
                                ".");
  }
  if (batches_per_epoch() < 1) {
    throw std::invalid_argument("[loader] an epoch needs at least one batch; arrived " +
                                std::to_string(dataset_->size()) + " images for batch_size " +
                                std::to_string(options_.batch_size) +
                                (options_.drop_last ? "; do not drop the last batch, or make batches smaller." : "."));
  }
}

std::int64_t Loader::batches_per_epoch() const noexcept {
  const std::int64_t full = dataset_->size() / options_.batch_size;
  const bool has_rest = dataset_->size() % options_.batch_size != 0;
  return has_rest && !options_.drop_last ? full + 1 : full;
}

Batch Loader::batch(const std::int64_t epoch, const std::int64_t position, const ForEach& for_each) const {
  if (epoch < 0 || position < 0 || position >= batches_per_epoch()) {
    throw std::invalid_argument("[loader] needs epoch >= 0 and position in 0 .. " +
                                std::to_string(batches_per_epoch() - 1) + "; arrived epoch " + std::to_string(epoch) +
                                ", position " + std::to_string(position) + ".");
  }
  const Order all = order(epoch);
  const std::int64_t begin = position * options_.batch_size;
  const std::int64_t end = std::min(begin + options_.batch_size, dataset_->size());
  const ReadImage whole = [this](const std::int64_t index, const std::span<float> chw) {
    dataset_->read_image(index, chw);
  };
  const ReadImage cropped = [this, epoch](const std::int64_t index, const std::span<float> chw) {
    const Picture picture = dataset_->read_picture(index);
    to_planes(random_resized_crop(picture, dataset_->image_size(), options_.seed, epoch, index), chw);
  };
  return gather(*dataset_, {all->begin() + begin, all->begin() + end}, options_.random_crop ? cropped : whole,
                for_each);
}

Loader::Order Loader::order(const std::int64_t epoch) const {
  const std::lock_guard lock(mutex_);
  if (last_epoch_ != epoch) {
    last_order_ = std::make_shared<const std::vector<std::int64_t>>(epoch_order(dataset_->size(), options_, epoch));
    last_epoch_ = epoch;
  }
  return last_order_;
}

Batch load_range(const Dataset& dataset, const std::int64_t begin, const std::int64_t end) {
  if (begin < 0 || begin > end || end > dataset.size()) {
    throw std::invalid_argument("[load_range] needs 0 <= begin <= end <= " + std::to_string(dataset.size()) +
                                "; arrived " + std::to_string(begin) + " to " + std::to_string(end) + ".");
  }
  std::vector<std::int64_t> indices(static_cast<std::size_t>(end - begin));
  std::iota(indices.begin(), indices.end(), begin);
  const ReadImage read_image = [&](const std::int64_t index, const std::span<float> chw) {
    dataset.read_image(index, chw);
  };
  return gather(dataset, std::move(indices), read_image, serial);
}

}  // namespace datasets
