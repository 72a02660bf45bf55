// The augmentation of fine-tuning: torchvision's RandomResizedCrop(size, scale=(0.9, 1), bicubic). A box of 90 to 100 %
// of the area and of aspect 3:4 to 4:3, both drawn anew up to ten times until it fits; otherwise the largest box in the
// middle whose aspect is allowed. The box is cut out first, then resized to a square.
#pragma once

#include <cstdint>

#include "datasets/picture.hpp"
#include "datasets/resample.hpp"
#include "datasets/torch_random.hpp"

namespace datasets {

// Takes from `random` what torchvision would take from torch's generator. Throws std::invalid_argument unless both
// extents are positive.
Box draw_crop(std::int64_t height, std::int64_t width, TorchRandom& random);

// The view of image `index` in epoch `epoch`; depends on nothing else.
Picture random_resized_crop(const Picture& picture, std::int64_t size, std::uint64_t seed, std::int64_t epoch,
                            std::int64_t index);

}  // namespace datasets
