#include "engine/tensor/view.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "engine/tensor/errors.hpp"

namespace engine {

View View::dense(const Shape& shape) {
  View view{shape, {}, 0};
  std::int64_t step = 1;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    view.strides[static_cast<std::size_t>(axis)] = step;
    step *= shape[axis];
  }
  return view;
}

bool View::is_dense() const noexcept {
  const auto extents = shape.extents();
  std::int64_t step = 1;
  for (std::size_t axis = extents.size(); axis-- > 0;) {
    if (extents[axis] == 0) return true;
    if (extents[axis] != 1 && strides[axis] != step) return false;
    step *= extents[axis];
  }
  return true;
}

View View::slice(int axis, std::int64_t begin, std::int64_t end) const {
  const int resolved = resolve_axis(axis, shape.rank());
  if (begin < 0 || begin > end || end > shape[resolved]) {
    throw ShapeError("[slice] needs 0 <= begin <= end <= extent; got " + std::to_string(begin) + " to " +
                     std::to_string(end) + " on axis " + std::to_string(axis) + " of " + to_string(shape) + ".");
  }
  return {shape.with(resolved, end - begin), strides, offset + begin * stride(resolved)};
}

View View::permute(std::span<const int> axes) const {
  Axes sorted(axes.begin(), axes.end());
  sorted = resolve_axes(sorted, shape.rank());
  if (static_cast<int>(sorted.size()) != shape.rank()) {
    throw ShapeError("[permute] needs every axis of " + to_string(shape) + " once; got " + std::to_string(axes.size()) +
                     " axes.");
  }
  std::vector<std::int64_t> extents;
  View result{{}, {}, offset};
  for (std::size_t i = 0; i < axes.size(); ++i) {
    extents.push_back(shape[axes[i]]);
    result.strides[i] = stride(axes[i]);
  }
  result.shape = Shape(extents);
  return result;
}

View View::reshape(const Shape& target) const {
  if (target.numel() != shape.numel()) {
    throw ShapeError("[reshape] the number of elements must stay: " + to_string(shape) + " to " + to_string(target) +
                     ".");
  }
  if (is_dense()) {
    View result = dense(target);
    result.offset = offset;
    return result;
  }
  // Walk both shapes together in groups of equal product; within a group the source axes must run on into each other.
  const auto source = shape.extents();
  const auto goal = target.extents();
  View result{target, {}, offset};
  std::size_t i = 0;
  std::size_t j = 0;
  while (j < goal.size()) {
    const std::size_t group_begin = j;
    std::int64_t from = i < source.size() ? source[i] : 1;
    std::int64_t to = goal[j++];
    std::size_t source_end = i < source.size() ? i + 1 : i;
    while (from != to) {
      if (from < to) {
        from *= source[source_end++];
      } else {
        to *= goal[j++];
      }
    }
    std::int64_t step = 0;  // the stride of the group's innermost axis with more than one element
    std::int64_t expected = 0;
    bool innermost = true;
    for (std::size_t axis = source_end; axis-- > i;) {
      if (source[axis] == 1) continue;
      if (std::exchange(innermost, false)) {
        step = strides[axis];
      } else if (strides[axis] != expected) {
        throw ShapeError("[reshape] " + to_string(shape) + " to " + to_string(target) +
                         " would need a copy; call contiguous() first.");
      }
      expected = strides[axis] * source[axis];
    }
    for (std::size_t axis = j; axis-- > group_begin;) {
      result.strides[axis] = step;
      step *= goal[axis];
    }
    i = source_end;
  }
  return result;
}

View View::broadcast_to(const Shape& target) const {
  const int added = target.rank() - shape.rank();
  bool fits = added >= 0;
  View result{target, {}, offset};
  for (int axis = 0; fits && axis < shape.rank(); ++axis) {
    const bool repeats = shape[axis] == 1 && target[axis + added] != 1;
    fits = repeats || shape[axis] == target[axis + added];
    result.strides[static_cast<std::size_t>(axis + added)] = repeats ? 0 : stride(axis);
  }
  if (!fits)
    throw ShapeError("[broadcast_to] " + to_string(shape) + " does not broadcast to " + to_string(target) + ".");
  return result;
}

}  // namespace engine
