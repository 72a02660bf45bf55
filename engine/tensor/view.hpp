// Where the elements of a tensor lie in its storage: extents, strides and an offset, all counted in elements. Every
// operation that moves no data is a function from View to View, so Tensor and MutableTensor share them.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "engine/tensor/shape.hpp"

namespace engine {

using Strides = std::array<std::int64_t, kMaxRank>;  // only the first `rank` count

struct View {
  Shape shape;
  Strides strides{};
  std::int64_t offset = 0;

  static View dense(const Shape& shape);  // row-major
  bool is_dense() const noexcept;         // row-major without gaps; axes of extent 1 do not matter
  std::int64_t stride(int axis) const { return strides[static_cast<std::size_t>(resolve_axis(axis, shape.rank()))]; }

  View slice(int axis, std::int64_t begin,
             std::int64_t end) const;             // throws ShapeError unless 0 <= begin <= end <= extent
  View permute(std::span<const int> axes) const;  // throws ShapeError unless axes is a permutation
  View reshape(const Shape& target) const;        // throws ShapeError if a copy would be needed
  View broadcast_to(const Shape& target) const;   // aligned at the last axis; an extent of 1 repeats with stride 0
};

}  // namespace engine
