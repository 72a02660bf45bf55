// Photometric changes; the blur is a separable five-tap kernel with the border repeated.
#include "datasets/world/filters.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numbers>
#include <vector>

namespace datasets::world {
namespace {

// Approximately normal from one draw: the sum of four 16-bit uniforms has variance 1/3 and tails up to 3.5, enough for
// pixel noise and far cheaper than a logarithm and a cosine for each of 3072 values.
float quick_normal(engine::Random& random) {
  const std::uint64_t bits = random.bits();
  const std::uint64_t sum = (bits & 0xFFFF) + ((bits >> 16) & 0xFFFF) + ((bits >> 32) & 0xFFFF) + (bits >> 48);
  return (static_cast<float>(sum) * (1.0f / 65535.0f) - 2.0f) * std::numbers::sqrt3_v<float>;
}

}  // namespace

void invert(const std::span<float> chw) {
  for (float& value : chw) value = 1.0f - value;
}

void permute_channels(const std::span<float> chw, const std::array<std::int64_t, 3>& source) {
  const std::size_t plane = chw.size() / 3;
  for (std::size_t i = 0; i < plane; ++i) {
    const std::array<float, 3> old = {chw[i], chw[plane + i], chw[2 * plane + i]};
    for (std::size_t channel = 0; channel < 3; ++channel) {
      chw[channel * plane + i] = old[static_cast<std::size_t>(source[channel])];
    }
  }
}

void adjust(const std::span<float> chw, const float contrast, const float brightness) {
  for (float& value : chw) value = contrast * (value - 0.5f) + 0.5f + brightness;
}

void blur(const std::span<float> chw, const std::int64_t size, const float sigma) {
  assert(sigma <= 1.0f && static_cast<std::int64_t>(chw.size()) % (size * size) == 0);
  if (sigma < 0.15f) return;  // the neighbours' weight would be below 1e-9
  const float near = std::exp(-0.5f / (sigma * sigma));
  const float far = std::exp(-2.0f / (sigma * sigma));
  const float total = 1.0f + 2.0f * (near + far);
  const float w0 = 1.0f / total;
  const float w1 = near / total;
  const float w2 = far / total;

  const std::int64_t stride = size + 4;  // two repeated values on each side
  std::vector<float> padded(static_cast<std::size_t>(stride * stride));
  for (std::size_t begin = 0; begin < chw.size(); begin += static_cast<std::size_t>(size * size)) {
    float* const plane = chw.data() + begin;
    for (std::int64_t row = 0; row < size; ++row) {  // along x, into the padded rows
      float* const line = padded.data() + (row + 2) * stride;
      std::copy_n(plane + row * size, size, line + 2);
      line[0] = line[1] = line[2];
      line[size + 2] = line[size + 3] = line[size + 1];
      for (std::int64_t i = 0; i < size; ++i) {
        plane[row * size + i] = w0 * line[i + 2] + w1 * (line[i + 1] + line[i + 3]) + w2 * (line[i] + line[i + 4]);
      }
    }
    for (std::int64_t row = -2; row < size + 2; ++row) {  // along y, back into the plane
      std::copy_n(plane + std::clamp<std::int64_t>(row, 0, size - 1) * size, size, padded.data() + (row + 2) * stride);
    }
    for (std::int64_t row = 0; row < size; ++row) {
      const float* const line = padded.data() + row * stride;
      for (std::int64_t i = 0; i < size; ++i) {
        plane[row * size + i] = w0 * line[2 * stride + i] + w1 * (line[stride + i] + line[3 * stride + i]) +
                                w2 * (line[i] + line[4 * stride + i]);
      }
    }
  }
}

void add_noise(const std::span<float> chw, const float sigma, engine::Random& random) {
  for (float& value : chw) value += sigma * quick_normal(random);
}

void clamp_unit(const std::span<float> chw) {
  for (float& value : chw) value = std::clamp(value, 0.0f, 1.0f);
}

}  // namespace datasets::world
