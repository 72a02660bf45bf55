// Composition of colours, and value noise (smoothly interpolated lattice noise).
#include "datasets/world/canvas.hpp"

#include <algorithm>
#include <array>
#include <cassert>

namespace datasets::world {
namespace {

std::array<float, 3> channels(const Colour colour) { return {colour.red, colour.green, colour.blue}; }

float smooth(const float t) { return t * t * (3.0f - 2.0f * t); }

}  // namespace

Colour mix(const Colour a, const Colour b, const float share_of_b) {
  const auto blend = [share_of_b](const float p, const float q) { return p + share_of_b * (q - p); };
  return {blend(a.red, b.red), blend(a.green, b.green), blend(a.blue, b.blue)};
}

float luminance(const Colour colour) { return 0.30f * colour.red + 0.59f * colour.green + 0.11f * colour.blue; }

std::vector<float> value_noise(const std::int64_t size, const std::int64_t cells, engine::Random& random) {
  const std::int64_t nodes = cells + 1;
  std::vector<float> lattice(static_cast<std::size_t>(nodes * nodes));
  for (float& node : lattice) node = static_cast<float>(random.uniform());

  // Along one axis every row and every column meets the same cells and shares.
  std::vector<std::int64_t> cell(static_cast<std::size_t>(size));
  std::vector<float> share(cell.size());
  for (std::size_t i = 0; i < cell.size(); ++i) {
    const float at = (static_cast<float>(i) + 0.5f) * static_cast<float>(cells) / static_cast<float>(size);
    cell[i] = std::min(static_cast<std::int64_t>(at), cells - 1);
    share[i] = smooth(at - static_cast<float>(cell[i]));
  }
  std::vector<float> noise(static_cast<std::size_t>(size * size));
  std::vector<float> edge(static_cast<std::size_t>(nodes));  // the lattice, interpolated to the current row
  for (std::size_t row = 0; row < cell.size(); ++row) {
    const float* const above = lattice.data() + cell[row] * nodes;
    const float* const below = above + nodes;
    for (std::size_t node = 0; node < edge.size(); ++node) {
      edge[node] = above[node] + share[row] * (below[node] - above[node]);
    }
    for (std::size_t column = 0; column < cell.size(); ++column) {
      const float* const left = edge.data() + cell[column];
      noise[row * cell.size() + column] = left[0] + share[column] * (left[1] - left[0]);
    }
  }
  return noise;
}

Canvas::Canvas(const std::span<float> chw, const std::int64_t size) : size_(size), pixels_(chw) {
  assert(static_cast<std::int64_t>(chw.size()) == 3 * size * size);
}

void Canvas::fill(const Colour colour) { fill_gradient(colour, colour); }

void Canvas::fill_gradient(const Colour top, const Colour bottom) {
  float* pixel = pixels_.data();
  for (std::size_t channel = 0; channel < 3; ++channel) {
    const float first = channels(top)[channel];
    const float last = channels(bottom)[channel];
    for (std::int64_t row = 0; row < size_; ++row, pixel += size_) {
      const float share = (static_cast<float>(row) + 0.5f) / static_cast<float>(size_);
      std::fill_n(pixel, size_, first + share * (last - first));
    }
  }
}

void Canvas::mottle(const float amplitude, const std::int64_t cells, engine::Random& random) {
  const auto plane = static_cast<std::size_t>(size_ * size_);
  for (std::size_t channel = 0; channel < 3; ++channel) {
    const std::vector<float> noise = value_noise(size_, cells, random);
    for (std::size_t i = 0; i < plane; ++i) pixels_[channel * plane + i] += amplitude * (2.0f * noise[i] - 1.0f);
  }
}

void Canvas::paint(const Sketch& sketch, const Colour colour, const float alpha) {
  assert(sketch.size() == size_);
  const float* const distance = sketch.distance().data();
  const auto plane = static_cast<std::size_t>(size_ * size_);
  for (std::size_t channel = 0; channel < 3; ++channel) {
    const float value = channels(colour)[channel];
    float* const pixel = pixels_.data() + channel * plane;
#pragma omp simd
    for (std::size_t i = 0; i < plane; ++i) {
      const float coverage = alpha * std::clamp(0.5f - distance[i], 0.0f, 1.0f);
      pixel[i] += coverage * (value - pixel[i]);
    }
  }
}

void Canvas::blend(const std::span<const float> weights, const Colour colour) {
  const auto plane = static_cast<std::size_t>(size_ * size_);
  assert(weights.size() == plane);
  for (std::size_t channel = 0; channel < 3; ++channel) {
    const float value = channels(colour)[channel];
    float* const pixel = pixels_.data() + channel * plane;
    for (std::size_t i = 0; i < plane; ++i) pixel[i] += weights[i] * (value - pixel[i]);
  }
}

}  // namespace datasets::world
