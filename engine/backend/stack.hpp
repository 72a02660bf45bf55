// Stacks of matrices: products over the leading axes of tensors.                             PRIVATE to engine.
#pragma once

#include <array>
#include <cstdint>

#include "engine/tensor/tensor.hpp"
#include "engine/tensor/walk.hpp"

namespace engine::backend {

// Calls body(a's, b's, out's offset of a matrix) for each position of out's axes but the last two. Those axes of a and b have
// out's extents, or 1: then the same matrices are met again.
template <class Body>
void for_each_product(const Tensor& a, const Tensor& b, const MutableTensor& out, const Body& body) {
  const Shape stack(out.shape().extents().first(static_cast<std::size_t>(out.shape().rank() - 2)));
  const auto leading_axes = [&](const auto& x) {
    View view{stack, {}, 0};
    for (int axis = 0; axis < stack.rank(); ++axis) {
      view.strides[static_cast<std::size_t>(axis)] = x.shape()[axis] == 1 ? 0 : x.stride(axis);
    }
    return view;
  };
  const View a_view = leading_axes(a);
  const View b_view = leading_axes(b);
  const View out_view = leading_axes(out);
  for_each_row<3, View>(stack, {&a_view, &b_view, &out_view}, [&](const std::array<Run, 3>& runs, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) {
      body(runs[0].offset + i * runs[0].stride, runs[1].offset + i * runs[1].stride,
           runs[2].offset + i * runs[2].stride);
    }
  });
}

}  // namespace engine::backend
