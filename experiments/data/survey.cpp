#include "experiments/data/survey.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <mutex>
#include <span>
#include <stdexcept>

#include "experiments/common/interrupt.hpp"
#include "experiments/common/progress.hpp"

namespace experiments {
namespace {

constexpr std::int64_t kChunk = 32;  // images per visit of a thread

struct Sums {  // of one chunk
  std::int64_t images = 0;
  std::array<double, 3> values = {};
  std::array<double, 3> squares = {};
  std::vector<std::string> errors;
  Extent width, height;
};

void include(Extent& extent, std::int64_t least, std::int64_t most) {
  if (most == 0) return;
  extent.least = extent.most == 0 ? least : std::min(extent.least, least);
  extent.most = std::max(extent.most, most);
}

void read_into(Sums& sums, const datasets::Dataset& set, std::int64_t index, std::span<float> image, Sizes sizes) {
  try {
    set.read_image(index, image);
    if (sizes == Sizes::told) {
      const datasets::Picture picture = set.read_picture(index);
      include(sums.width, picture.width, picture.width);
      include(sums.height, picture.height, picture.height);
    }
  } catch (const std::runtime_error& error) {
    sums.errors.emplace_back(error.what());
    return;
  }
  ++sums.images;
  const std::size_t plane = image.size() / 3;
  for (std::size_t c = 0; c < 3; ++c) {
    for (const float value : image.subspan(c * plane, plane)) {
      sums.values[c] += static_cast<double>(value);
      sums.squares[c] += static_cast<double>(value) * static_cast<double>(value);
    }
  }
}

}  // namespace

Survey survey(const datasets::Dataset& set, engine::ShardPool& pool, const std::string& label, Sizes sizes) {
  const std::int64_t chunks = engine::shard_count(set.size(), kChunk);
  std::vector<Sums> sums(static_cast<std::size_t>(chunks));
  Progress progress(label, set.size(), 0, 1, "images");
  std::mutex mutex;  // guards progress and done
  std::int64_t done = 0;
  pool.run(chunks, [&](std::int64_t chunk) {
    if (interrupt_requested()) throw Interrupted("stopped while reading " + label + ".");
    std::vector<float> image(static_cast<std::size_t>(3 * set.image_size() * set.image_size()));
    const auto [begin, end] = engine::shard_range(chunk, set.size(), kChunk);
    for (std::int64_t i = begin; i < end; ++i) read_into(sums[static_cast<std::size_t>(chunk)], set, i, image, sizes);
    const std::lock_guard lock(mutex);
    progress.update(done += end - begin);
  });

  Survey result;
  result.images_of_class.assign(set.class_names().size(), 0);
  for (std::int64_t i = 0; i < set.size(); ++i) ++result.images_of_class[static_cast<std::size_t>(set.label(i))];
  Sums total;
  for (const Sums& chunk : sums) {
    total.images += chunk.images;
    for (std::size_t c = 0; c < 3; ++c) {
      total.values[c] += chunk.values[c];
      total.squares[c] += chunk.squares[c];
    }
    result.errors.insert(result.errors.end(), chunk.errors.begin(), chunk.errors.end());
    include(result.sizes.width, chunk.width.least, chunk.width.most);
    include(result.sizes.height, chunk.height.least, chunk.height.most);
  }
  const double count = static_cast<double>(total.images * set.image_size() * set.image_size());
  for (std::size_t c = 0; c < 3 && total.images > 0; ++c) {
    const double mean = total.values[c] / count;
    result.statistics.mean[c] = static_cast<float>(mean);
    result.statistics.deviation[c] =
        static_cast<float>(std::sqrt(std::max(0.0, total.squares[c] / count - mean * mean)));
  }
  return result;
}

}  // namespace experiments
