#include "datasets/random_crop.hpp"

#include <cmath>
#include <stdexcept>
#include <string>

#include "engine/tensor/random.hpp"

namespace datasets {
namespace {

constexpr float kLeastArea = 0.9f;
constexpr float kMostArea = 1.0f;
constexpr double kLeastAspect = 3.0 / 4.0;  // width / height
constexpr double kMostAspect = 4.0 / 3.0;
constexpr int kTries = 10;

std::int64_t nearest(const double x) { return static_cast<std::int64_t>(std::nearbyint(x)); }  // half to even

Box middle(const std::int64_t height, const std::int64_t width) {
  const double aspect = static_cast<double>(width) / static_cast<double>(height);
  Box box{0, 0, height, width};
  if (aspect < kLeastAspect) box.height = nearest(static_cast<double>(width) / kLeastAspect);
  if (aspect > kMostAspect) box.width = nearest(static_cast<double>(height) * kMostAspect);
  box.top = (height - box.height) / 2;
  box.left = (width - box.width) / 2;
  return box;
}

}  // namespace

Box draw_crop(const std::int64_t height, const std::int64_t width, TorchRandom& random) {
  if (height < 1 || width < 1) {
    throw std::invalid_argument("[draw_crop] extents must be positive; arrived " + std::to_string(height) + " x " +
                                std::to_string(width) + ".");
  }
  // torch keeps these in float
  const float least_log = std::log(static_cast<float>(kLeastAspect));
  const float most_log = std::log(static_cast<float>(kMostAspect));
  for (int i = 0; i < kTries; ++i) {
    const double area = static_cast<double>(height * width) * random.uniform(kLeastArea, kMostArea);
    const double aspect = std::exp(random.uniform(least_log, most_log));
    Box box{0, 0, nearest(std::sqrt(area / aspect)), nearest(std::sqrt(area * aspect))};
    if (box.height < 1 || box.width < 1 || box.height > height || box.width > width) continue;
    box.top = random.index(height - box.height + 1);
    box.left = random.index(width - box.width + 1);
    return box;
  }
  return middle(height, width);
}

Picture random_resized_crop(const Picture& picture, const std::int64_t size, const std::uint64_t seed,
                            const std::int64_t epoch, const std::int64_t index) {
  engine::Random stream({seed, static_cast<std::uint64_t>(epoch), static_cast<std::uint64_t>(index)});
  TorchRandom random(static_cast<std::uint32_t>(stream.bits() >> 32));
  return resize(crop(picture, draw_crop(picture.height, picture.width, random)), size, size);
}

}  // namespace datasets
