// Resizing as CLIP's and the reference's image pipeline does it: antialiased bicubic in 8 bits, equal to Pillow's (and
// to torchvision's on Pillow images) bit for bit. [Pillow, src/libImaging/Resample.c; torchvision, transforms/v2]
//
//   K(x) = 1.5|x|³ − 2.5|x|² + 1 (|x| < 1),  −0.5|x|³ + 2.5|x|² − 4|x| + 2 (|x| < 2),  else 0
//   f = max(1, in / out);  new pixel o has its centre at c = (o + ½) in / out and the taps t with |t + ½ − c| < 2f,
//   weighted K((t + ½ − c) / f) over the sum of the weights inside the picture, in 22 bits of fixed point;
//   rows are done first, into bytes, then columns.
//
// That is Pillow up to version 12. From 13 on it does columns first when that is less work, which moves some bytes by a
// level; the reference code's own results were made with the older order.
#pragma once

#include <cstdint>
#include <span>

#include "datasets/picture.hpp"

namespace datasets {

struct Box {
  std::int64_t top = 0;
  std::int64_t left = 0;
  std::int64_t height = 0;
  std::int64_t width = 0;
};

// The pixels inside `box`. Throws std::invalid_argument if it is empty or leaves the picture, as all below do.
Picture crop(const Picture& picture, const Box& box);

Picture resize(const Picture& picture, std::int64_t height, std::int64_t width);

// The pixels inside `box` of resize(picture, height, width), without making the others.
Picture resize_part(const Picture& picture, std::int64_t height, std::int64_t width, const Box& box);

// The shorter side becomes `size`, then the centre is cut out: [size, size]. What every image of a data set goes
// through.
Picture resize_and_crop(const Picture& picture, std::int64_t size);

// A square picture as [3, S, S] in [0, 1].
void to_planes(const Picture& picture, std::span<float> chw);

}  // namespace datasets
