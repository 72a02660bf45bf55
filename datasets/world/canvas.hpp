// A square RGB picture being painted: grounds (flat, graded, mottled) and antialiased sketches laid over them.
// Colours are in [0, 1] but not clamped: whoever finishes the picture does that.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "datasets/world/sketch.hpp"
#include "engine/tensor/random.hpp"

namespace datasets::world {

struct Colour {
  float red = 0.0f;
  float green = 0.0f;
  float blue = 0.0f;
};

Colour mix(Colour a, Colour b, float share_of_b);
float luminance(Colour colour);

// Smooth random values in [0, 1], [size, size]: a lattice of cells × cells random numbers, interpolated.
std::vector<float> value_noise(std::int64_t size, std::int64_t cells, engine::Random& random);

class Canvas {
 public:
  // Paints into chw [3, size, size], which must outlive the canvas.
  Canvas(std::span<float> chw, std::int64_t size);

  std::int64_t size() const noexcept { return size_; }
  std::span<float> pixels() noexcept { return pixels_; }

  void fill(Colour colour);
  void fill_gradient(Colour top, Colour bottom);
  // Adds independent low-frequency noise of this amplitude to each channel: uneven paper, light and weather.
  void mottle(float amplitude, std::int64_t cells, engine::Random& random);
  // Lays the colour over the inside of a sketch, with an edge one pixel wide.
  void paint(const Sketch& sketch, Colour colour, float alpha = 1.0f);
  // Lays the colour over each pixel with its own weight in [0, 1]; weights [size, size].
  void blend(std::span<const float> weights, Colour colour);

 private:
  std::int64_t size_;
  std::span<float> pixels_;
};

}  // namespace datasets::world
