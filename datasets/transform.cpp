// The filter is separable: rows are narrowed first, then the narrow rows are mixed.
#include "datasets/transform.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

namespace datasets {
namespace {

// Which old pixels make up a new one, and how much each counts. The weights sum to 1.
struct Taps {
  std::int64_t first = 0;
  std::vector<double> weights;
};

std::vector<Taps> triangle_taps(const std::int64_t old_extent, const std::int64_t new_extent) {
  const double scale = static_cast<double>(old_extent) / static_cast<double>(new_extent);
  std::vector<Taps> taps(static_cast<std::size_t>(new_extent));
  double centre = 0.5 * scale;  // of the new pixel, in old pixels
  for (Taps& tap : taps) {
    tap.first = std::max<std::int64_t>(0, static_cast<std::int64_t>(std::floor(centre - scale)));
    const auto end = std::min(old_extent, static_cast<std::int64_t>(std::ceil(centre + scale)));
    double sum = 0.0;
    for (std::int64_t i = tap.first; i < end; ++i) {
      tap.weights.push_back(std::max(0.0, 1.0 - std::abs(static_cast<double>(i) + 0.5 - centre) / scale));
      sum += tap.weights.back();
    }
    for (double& weight : tap.weights) weight /= sum;
    centre += scale;
  }
  return taps;
}

// Writes grey [height, width], scaled to [new_height, new_width], to `out`, whose rows are `stride` apart.
void scale_down(const std::uint8_t* const grey, const std::int64_t height, const std::int64_t width,
                const std::int64_t new_height, const std::int64_t new_width, float* const out,
                const std::int64_t stride) {
  const std::vector<Taps> across = triangle_taps(width, new_width);
  const std::vector<Taps> down = triangle_taps(height, new_height);
  std::vector<double> narrow;  // [height, new_width]
  narrow.reserve(static_cast<std::size_t>(height * new_width));
  for (std::int64_t y = 0; y < height; ++y) {
    for (const Taps& tap : across) {
      const std::uint8_t* pixel = grey + y * width + tap.first;
      double sum = 0.0;
      for (const double weight : tap.weights) sum += weight * *pixel++;
      narrow.push_back(sum);
    }
  }
  for (std::int64_t y = 0; y < new_height; ++y) {
    const Taps& tap = down[static_cast<std::size_t>(y)];
    for (std::int64_t x = 0; x < new_width; ++x) {
      double sum = 0.0;
      std::int64_t row = tap.first;
      for (const double weight : tap.weights) sum += weight * narrow[static_cast<std::size_t>(row++ * new_width + x)];
      out[y * stride + x] = static_cast<float>(std::clamp(sum / 255.0, 0.0, 1.0));
    }
  }
}

std::int64_t scaled_extent(const std::int64_t extent, const std::int64_t longer, const std::int64_t size) {
  const double exact = static_cast<double>(extent) * static_cast<double>(size) / static_cast<double>(longer);
  return std::clamp<std::int64_t>(std::llround(exact), 1, size);
}

}  // namespace

void fit_plane(const std::span<const std::uint8_t> grey, const std::int64_t height, const std::int64_t width,
               const std::int64_t size, const std::span<float> plane) {
  if (height < 1 || width < 1 || size < 1 || static_cast<std::int64_t>(grey.size()) != height * width ||
      static_cast<std::int64_t>(plane.size()) != size * size) {
    throw std::invalid_argument("[fit_plane] needs [height, width] and [size, size] values; arrived height " +
                                std::to_string(height) + ", width " + std::to_string(width) + ", size " +
                                std::to_string(size) + " with " + std::to_string(grey.size()) + " and " +
                                std::to_string(plane.size()) + " values.");
  }
  const std::int64_t longer = std::max(height, width);
  const bool fits = longer <= size;
  const std::int64_t new_height = fits ? height : scaled_extent(height, longer, size);
  const std::int64_t new_width = fits ? width : scaled_extent(width, longer, size);
  std::ranges::fill(plane, 0.0f);
  float* const corner = plane.data() + (size - new_height) / 2 * size + (size - new_width) / 2;
  if (!fits) {
    scale_down(grey.data(), height, width, new_height, new_width, corner, size);
    return;
  }
  for (std::int64_t y = 0; y < height; ++y) {
    for (std::int64_t x = 0; x < width; ++x) {
      corner[y * size + x] = static_cast<float>(grey[static_cast<std::size_t>(y * width + x)]) / 255.0f;
    }
  }
}

void grey_to_image(const std::span<const std::uint8_t> grey, const std::int64_t height, const std::int64_t width,
                   const std::int64_t size, const std::span<float> chw) {
  const std::size_t plane = chw.size() / 3;
  if (chw.size() % 3 != 0) throw std::invalid_argument("[grey_to_image] an image has three planes of one size.");
  fit_plane(grey, height, width, size, chw.first(plane));
  std::ranges::copy(chw.first(plane), chw.subspan(plane, plane).begin());
  std::ranges::copy(chw.first(plane), chw.subspan(2 * plane).begin());
}

}  // namespace datasets
