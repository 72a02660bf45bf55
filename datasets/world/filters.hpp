// Photometric changes of a whole picture chw [3, size, size], drawn or real. None of them clamps except `clamp_unit`.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "engine/tensor/random.hpp"

namespace datasets::world {

void invert(std::span<float> chw);                                                       // 1 − v
void permute_channels(std::span<float> chw, const std::array<std::int64_t, 3>& source);  // channel c becomes source[c]
void adjust(std::span<float> chw, float contrast, float brightness);        // contrast (v − 1/2) + 1/2 + brightness
void blur(std::span<float> chw, std::int64_t size, float sigma);            // Gaussian, sigma in pixels, at most 1
void add_noise(std::span<float> chw, float sigma, engine::Random& random);  // independent for every value
void clamp_unit(std::span<float> chw);                                      // to [0, 1]

}  // namespace datasets::world
