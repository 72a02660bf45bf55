// The two checks every data set makes before it hands out an image. `where` opens the message.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace datasets {

void check_index(std::string_view where, std::int64_t index, std::int64_t size);  // throws std::out_of_range

// Throws std::invalid_argument unless chw has room for [3, image_size, image_size].
void check_room(std::string_view where, std::span<const float> chw, std::int64_t image_size);

}  // namespace datasets
