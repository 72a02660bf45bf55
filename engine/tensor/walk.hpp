// One loop over the elements of several tensors of one shape, whatever their strides: the innermost axis is handed out
// as runs. Neighbouring axes that lie end to end in every tensor are walked as one, so dense tensors are a single run.
#pragma once

#include <array>
#include <cstdint>

#include "engine/tensor/shape.hpp"
#include "engine/tensor/view.hpp"

namespace engine {

struct Run {
  std::int64_t offset;  // of the run's first element from data(), in elements
  std::int64_t stride;  // between its elements; 0 repeats one element
};

// Calls body(runs, count) for each innermost run, in row-major order. Each tensor must have `shape`; any type with
// `stride(axis)` serves.
template <std::size_t N, class T, class Body>
void for_each_row(const Shape& shape, const std::array<const T*, N>& tensors, const Body& body) {
  if (shape.numel() == 0) return;
  std::array<std::int64_t, kMaxRank> extents{};
  std::array<std::array<std::int64_t, N>, kMaxRank> strides{};
  std::size_t rank = 0;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (shape[axis] == 1) continue;
    bool runs_on = rank > 0;
    for (std::size_t n = 0; n < N && runs_on; ++n) {
      runs_on = strides[rank - 1][n] == tensors[n]->stride(axis) * shape[axis];
    }
    if (runs_on) {
      extents[rank - 1] *= shape[axis];
    } else {
      extents[rank++] = shape[axis];
    }
    for (std::size_t n = 0; n < N; ++n) strides[rank - 1][n] = tensors[n]->stride(axis);
  }
  if (rank == 0) extents[rank++] = 1;

  std::array<Run, N> runs{};
  for (std::size_t n = 0; n < N; ++n) runs[n] = {0, strides[rank - 1][n]};
  std::array<std::int64_t, kMaxRank> index{};
  while (true) {
    body(runs, extents[rank - 1]);
    std::size_t axis = rank - 1;
    while (true) {  // the odometer over the outer axes
      if (axis == 0) return;
      --axis;
      ++index[axis];
      for (std::size_t n = 0; n < N; ++n) runs[n].offset += strides[axis][n];
      if (index[axis] < extents[axis]) break;
      for (std::size_t n = 0; n < N; ++n) runs[n].offset -= index[axis] * strides[axis][n];
      index[axis] = 0;
    }
  }
}

}  // namespace engine
