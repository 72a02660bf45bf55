// The three disjoint parts of a data set: what is learned from, what settings are chosen on, what is reported.
#pragma once

#include <cstdint>

namespace datasets {

enum class Split : std::uint8_t { train, validation, test };

}  // namespace datasets
