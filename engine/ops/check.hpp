// What ops ask of their arguments.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "engine/autodiff/var.hpp"
#include "engine/tensor/errors.hpp"

namespace engine {

inline std::string where(std::string_view op) { return "[" + std::string(op) + "] "; }

inline void require_floating(std::string_view op, const Var& x) {
  if (x.dtype() == DType::i64) throw DTypeError(where(op) + "needs f32 or f64; got " + describe(x.tensor()) + ".");
}

inline void require_dtype(std::string_view op, const Var& a, const Var& b) {
  if (a.dtype() != b.dtype()) {
    throw DTypeError(where(op) + "needs one element type; got " + describe(a.tensor()) + " and " +
                     describe(b.tensor()) + "; use cast().");
  }
}

inline void require_same(std::string_view op, const Var& a, const Var& b) {
  require_floating(op, a);
  require_dtype(op, a, b);
  if (a.shape() != b.shape()) {
    throw ShapeError(where(op) + "needs one shape; got " + to_string(a.shape()) + " and " + to_string(b.shape()) +
                     "; use broadcast_to().");
  }
}

inline void require(bool holds, std::string_view op, std::string_view needed, const Var& got) {
  if (!holds) throw ShapeError(where(op) + std::string(needed) + "; got " + to_string(got.shape()) + ".");
}

// The axis counted from the front, or all of them, sorted.
inline int require_axis(std::string_view op, const Var& x, int axis) {
  const int rank = x.shape().rank();
  if (axis < -rank || axis >= rank) require(false, op, "needs an axis " + std::to_string(axis), x);
  return resolve_axis(axis, rank);
}

inline Axes require_axes(std::string_view op, const Var& x, const Axes& axes) {
  Axes resolved;
  for (const int axis : axes) resolved.push_back(require_axis(op, x, axis));
  std::ranges::sort(resolved);
  const auto twice = std::ranges::adjacent_find(resolved);
  if (twice != resolved.end()) require(false, op, "needs an axis once, not " + std::to_string(*twice) + " twice", x);
  return resolved;
}

}  // namespace engine
