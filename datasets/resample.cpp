// Compiled without fused multiply-add (CMakeLists.txt): it would round some weights otherwise than Pillow.
#include "datasets/resample.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

namespace datasets {
namespace {

constexpr int kFractionBits = 22;
constexpr double kRadius = 2.0;  // of the kernel
constexpr std::int64_t kChannels = 3;

double cubic(double x) {  // in Pillow's order of operations, so that it rounds alike
  x = std::abs(x);
  if (x < 1.0) return (1.5 * x - 2.5) * x * x + 1.0;
  if (x < 2.0) return (((x - 5.0) * x + 8.0) * x - 4.0) * -0.5;
  return 0.0;
}

// Which old pixels make up a new one, and how much each counts.
struct Taps {
  std::int64_t first = 0;
  std::vector<std::int32_t> weights;  // sum to 2^22, but for rounding
};

Taps taps_of(const std::int64_t index, const std::int64_t old_extent, const std::int64_t new_extent) {
  const double scale = static_cast<double>(old_extent) / static_cast<double>(new_extent);
  const double widening = std::max(1.0, scale);
  const double centre = (static_cast<double>(index) + 0.5) * scale;
  const double support = kRadius * widening;
  const auto rounded = [](const double x) { return static_cast<std::int64_t>(x + 0.5); };  // towards 0, as in C
  Taps taps;
  taps.first = std::max<std::int64_t>(0, rounded(centre - support));
  const std::int64_t end = std::min(old_extent, rounded(centre + support));
  std::vector<double> exact;
  double sum = 0.0;
  for (std::int64_t t = taps.first; t < end; ++t) {
    exact.push_back(cubic((static_cast<double>(t) - centre + 0.5) * (1.0 / widening)));
    sum += exact.back();
  }
  for (const double weight : exact) {
    const double fixed = weight / sum * (1 << kFractionBits);
    taps.weights.push_back(static_cast<std::int32_t>(fixed < 0.0 ? fixed - 0.5 : fixed + 0.5));
  }
  return taps;
}

std::vector<Taps> taps_of_range(const std::int64_t begin, const std::int64_t count, const std::int64_t old_extent,
                                const std::int64_t new_extent) {
  std::vector<Taps> taps;
  for (std::int64_t i = begin; i < begin + count; ++i) taps.push_back(taps_of(i, old_extent, new_extent));
  return taps;
}

// Σ weight · byte over bytes `stride` apart, rounded to the nearest byte.
std::uint8_t mix(const Taps& taps, const std::uint8_t* byte, const std::int64_t stride) {
  std::int32_t sum = 1 << (kFractionBits - 1);
  for (const std::int32_t weight : taps.weights) {
    sum += weight * *byte;
    byte += stride;
  }
  return static_cast<std::uint8_t>(std::clamp(sum >> kFractionBits, 0, 255));
}

std::string text(const std::int64_t height, const std::int64_t width) {
  return std::to_string(height) + " x " + std::to_string(width);
}

void check(const char* const where, const Picture& picture, const std::int64_t height, const std::int64_t width,
           const Box& box) {
  const bool inside = box.top >= 0 && box.left >= 0 && box.height > 0 && box.width > 0 &&
                      box.height <= height - box.top && box.width <= width - box.left;
  if (inside && static_cast<std::int64_t>(picture.rgb.size()) == picture.height * picture.width * kChannels) return;
  throw std::invalid_argument("[" + std::string(where) + "] needs a box inside " + text(height, width) +
                              " and [height, width, 3] bytes; arrived " + text(box.height, box.width) + " at " +
                              std::to_string(box.top) + ", " + std::to_string(box.left) + " of " +
                              text(picture.height, picture.width) + " with " + std::to_string(picture.rgb.size()) +
                              " bytes.");
}

// Half of what is left over, half to even as Python's round.
std::int64_t centred(const std::int64_t extent, const std::int64_t size) {
  return static_cast<std::int64_t>(std::nearbyint(static_cast<double>(extent - size) / 2.0));
}

}  // namespace

Picture crop(const Picture& picture, const Box& box) {
  check("crop", picture, picture.height, picture.width, box);
  Picture part{box.height, box.width, {}};
  part.rgb.reserve(static_cast<std::size_t>(box.height * box.width * kChannels));
  for (std::int64_t y = box.top; y < box.top + box.height; ++y) {
    const auto row = picture.rgb.begin() + (y * picture.width + box.left) * kChannels;
    part.rgb.insert(part.rgb.end(), row, row + box.width * kChannels);
  }
  return part;
}

Picture resize(const Picture& picture, const std::int64_t height, const std::int64_t width) {
  return resize_part(picture, height, width, {0, 0, height, width});
}

Picture resize_part(const Picture& picture, const std::int64_t height, const std::int64_t width, const Box& box) {
  check("resize", picture, height, width, box);
  const std::vector<Taps> across = taps_of_range(box.left, box.width, picture.width, width);
  const std::vector<Taps> down = taps_of_range(box.top, box.height, picture.height, height);
  const std::int64_t first_row = down.front().first;
  const std::int64_t end_row = down.back().first + static_cast<std::int64_t>(down.back().weights.size());

  const std::int64_t stride = box.width * kChannels;
  std::vector<std::uint8_t> narrow;  // rows first_row .. end_row - 1 in their new width
  narrow.reserve(static_cast<std::size_t>((end_row - first_row) * stride));
  for (std::int64_t y = first_row; y < end_row; ++y) {
    for (const Taps& taps : across) {
      const std::uint8_t* const pixel = picture.rgb.data() + (y * picture.width + taps.first) * kChannels;
      for (std::int64_t c = 0; c < kChannels; ++c) narrow.push_back(mix(taps, pixel + c, kChannels));
    }
  }
  Picture part{box.height, box.width, {}};
  part.rgb.reserve(static_cast<std::size_t>(box.height * stride));
  for (const Taps& taps : down) {
    const std::uint8_t* const rows = narrow.data() + (taps.first - first_row) * stride;
    for (std::int64_t x = 0; x < stride; ++x) part.rgb.push_back(mix(taps, rows + x, stride));
  }
  return part;
}

Picture resize_and_crop(const Picture& picture, const std::int64_t size) {
  if (picture.height == size && picture.width == size) return picture;
  if (picture.height < 1 || picture.width < 1 || size < 1) {
    throw std::invalid_argument("[resize_and_crop] extents must be positive; arrived " +
                                text(picture.height, picture.width) + " to " + std::to_string(size) + ".");
  }
  const std::int64_t shorter = std::min(picture.height, picture.width);
  const std::int64_t height = size * picture.height / shorter;  // rounded down, as torchvision does
  const std::int64_t width = size * picture.width / shorter;
  return resize_part(picture, height, width, {centred(height, size), centred(width, size), size, size});
}

void to_planes(const Picture& picture, const std::span<float> chw) {
  const std::size_t plane = static_cast<std::size_t>(picture.height * picture.width);
  if (chw.size() != picture.rgb.size() || chw.size() != 3 * plane) {
    throw std::invalid_argument("[to_planes] needs room for 3 x " + text(picture.height, picture.width) +
                                " values; arrived " + std::to_string(chw.size()) + ".");
  }
  for (std::size_t i = 0; i < plane; ++i) {
    for (std::size_t c = 0; c < 3; ++c) chw[c * plane + i] = static_cast<float>(picture.rgb[3 * i + c]) / 255.0f;
  }
}

}  // namespace datasets
