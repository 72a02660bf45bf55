// The checks that data sets share: when they are made and before they hand out an image. `where` opens the message.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace datasets {

void check_index(std::string_view where, std::int64_t index, std::int64_t size);  // throws std::out_of_range

// Throws std::invalid_argument unless chw has room for [3, image_size, image_size].
void check_room(std::string_view where, std::span<const float> chw, std::int64_t image_size);

// Both throw std::invalid_argument: unless all labels are in 0 .. classes - 1; unless image_size is positive.
void check_labels(std::string_view where, std::span<const std::int64_t> labels, std::size_t classes);
void check_image_size(std::string_view where, std::int64_t image_size);

}  // namespace datasets
