// Where a tensor stops being numbers.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "engine/tensor/tensor.hpp"

namespace engine {

// The first element in row-major order that is NaN or infinite, as "NaN at [1, 2]"; nullopt if there is none. Tensors of
// integers have none.
std::optional<std::string> first_non_finite(const Tensor& x);
std::optional<std::string> first_non_finite(const MutableTensor& x);

bool all_finite(std::span<const float> values) noexcept;  // at the speed of memory

}  // namespace engine
