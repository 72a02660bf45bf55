// Bringing grey pictures of any size to the square images of a data set.
//
// A picture that fits is not resampled: it is put in the middle, with 0 around it, so a 28 × 28 digit in a 32 × 32
// image gets a border of 2 and keeps every pixel. A larger one is scaled down, keeping its aspect, until its longer
// side is S, and centred likewise. Each new pixel is then the mean of the old ones under a triangle of half-width (old
// extent / new extent), which is what keeps fine patterns from turning into false coarse ones.
#pragma once

#include <cstdint>
#include <span>

namespace datasets {

// grey [height, width] in 0 .. 255 → plane [size, size] in [0, 1]. Throws std::invalid_argument if an extent is not
// positive or a span has another size.
void fit_plane(std::span<const std::uint8_t> grey, std::int64_t height, std::int64_t width, std::int64_t size,
               std::span<float> plane);

// grey [height, width] in 0 .. 255 → chw [3, size, size] in [0, 1], the same plane three times. Throws as fit_plane.
void grey_to_image(std::span<const std::uint8_t> grey, std::int64_t height, std::int64_t width, std::int64_t size,
                   std::span<float> chw);

}  // namespace datasets
