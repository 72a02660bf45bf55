// The checks on tangents and cotangents that enter a transform.
#pragma once

#include <cstddef>
#include <string_view>

#include "engine/autodiff/var.hpp"

namespace engine {

// Throws ShapeError unless `got` is `needed`.
void check_count(std::string_view where, std::size_t got, std::size_t needed, std::string_view what);
// Throws ShapeError or DTypeError if a present tangent does not match the value at `position`, EscapeError if it has outlived its
// transform.
void check_tangent(std::string_view where, const Tangent& tangent, const Shape& shape, DType dtype,
                   std::size_t position);

}  // namespace engine
