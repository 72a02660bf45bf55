#include "engine/tensor/shape.hpp"

#include <algorithm>

#include "engine/tensor/errors.hpp"

namespace engine {

Shape::Shape(std::initializer_list<std::int64_t> extents) : Shape(std::span(extents.begin(), extents.size())) {}

Shape::Shape(std::span<const std::int64_t> extents) {
  if (extents.size() > static_cast<std::size_t>(kMaxRank)) {
    throw ShapeError("[shape] at most " + std::to_string(kMaxRank) + " extents; got " + std::to_string(extents.size()) +
                     ".");
  }
  rank_ = static_cast<int>(extents.size());
  std::ranges::copy(extents, extents_.begin());
  std::int64_t numel = 1;
  for (const std::int64_t extent : extents) {
    if (extent < 0) throw ShapeError("[shape] extents must not be negative; got " + to_string(*this) + ".");
    // Beside a 0 as well, since strides are such products.
    if (__builtin_mul_overflow(numel, std::max(extent, std::int64_t{1}), &numel)) {
      throw ShapeError("[shape] the number of elements must fit 63 bits; got " + to_string(*this) + ".");
    }
  }
}

std::int64_t Shape::operator[](int axis) const { return extents_[static_cast<std::size_t>(resolve_axis(axis, rank_))]; }

std::int64_t Shape::numel() const noexcept {
  std::int64_t numel = 1;
  for (const std::int64_t extent : extents()) numel *= extent;
  return numel;
}

Shape Shape::with(int axis, std::int64_t extent) const {
  std::vector<std::int64_t> changed(extents().begin(), extents().end());
  changed[static_cast<std::size_t>(resolve_axis(axis, rank_))] = extent;
  return Shape(changed);
}

Shape Shape::without(int axis) const {
  std::vector<std::int64_t> changed(extents().begin(), extents().end());
  changed.erase(changed.begin() + resolve_axis(axis, rank_));
  return Shape(changed);
}

std::string to_string(const Shape& shape) {
  std::string text = "[";
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (axis > 0) text += ", ";
    text += std::to_string(shape[axis]);
  }
  return text + "]";
}

int resolve_axis(int axis, int rank) {
  const int resolved = axis < 0 ? axis + rank : axis;
  if (resolved < 0 || resolved >= rank) {
    throw ShapeError("[shape] axis " + std::to_string(axis) + " does not exist in rank " + std::to_string(rank) + ".");
  }
  return resolved;
}

Axes resolve_axes(const Axes& axes, int rank) {
  Axes resolved;
  for (const int axis : axes) resolved.push_back(resolve_axis(axis, rank));
  std::ranges::sort(resolved);
  if (std::ranges::adjacent_find(resolved) != resolved.end()) throw ShapeError("[shape] an axis is named twice.");
  return resolved;
}

}  // namespace engine
