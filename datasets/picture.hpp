// A decoded picture of any extents, before it is brought to the square size of a data set (datasets/resample.hpp).
#pragma once

#include <cstdint>
#include <vector>

namespace datasets {

struct Picture {
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::vector<std::uint8_t> rgb;  // [height, width, 3]
};

}  // namespace datasets
