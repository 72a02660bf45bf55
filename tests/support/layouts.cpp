#include "tests/support/layouts.hpp"

#include <algorithm>
#include <numeric>
#include <stdexcept>
#include <utility>

#include "engine/ops/ops.hpp"
#include "tests/support/tensors.hpp"

namespace tests {

using engine::Axes;
using engine::DType;
using engine::Random;
using engine::Shape;
using engine::Tensor;

namespace {

constexpr double kGap = 1e30;  // a kernel that reads a gap gets a visible value

Axes inverse_of(const Axes& order) {
  Axes inverse(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) inverse[static_cast<std::size_t>(order[i])] = static_cast<int>(i);
  return inverse;
}

Tensor in_another_order(const Tensor& x, Random& random) {
  std::vector<std::int64_t> drawn(static_cast<std::size_t>(x.shape().rank()));
  std::iota(drawn.begin(), drawn.end(), 0);
  random.shuffle(drawn);
  const Axes order(drawn.begin(), drawn.end());
  return x.permute(order).clone().permute(inverse_of(order));
}

}  // namespace

Tensor strided(const Tensor& dense) {
  const int rank = dense.shape().rank();
  std::vector<std::int64_t> extents;
  std::vector<int> reversed;
  for (int axis = rank - 1; axis >= 0; --axis) {
    extents.push_back(dense.shape()[axis] + 2);
    reversed.push_back(axis);
  }
  Tensor storage = Tensor::full(Shape(extents), dense.dtype() == DType::i64 ? 1e18 : kGap, dense.dtype());
  {
    engine::MutableTensor whole = storage.writable();
    std::vector<std::int64_t> index(static_cast<std::size_t>(rank), 0);
    const std::vector<double> values = values_of(dense);
    for (const double value : values) {
      std::int64_t position = 0;
      for (int axis = 0; axis < rank; ++axis)
        position += (index[static_cast<std::size_t>(axis)] + 1) * whole.stride(rank - 1 - axis);
      if (dense.dtype() == DType::f32) {
        whole.data<float>()[position] = static_cast<float>(value);
      } else if (dense.dtype() == DType::i64) {
        whole.data<std::int64_t>()[position] = static_cast<std::int64_t>(value);
      } else {
        whole.data<double>()[position] = value;
      }
      for (int axis = rank - 1; axis >= 0; --axis) {
        if (++index[static_cast<std::size_t>(axis)] < dense.shape()[axis]) break;
        index[static_cast<std::size_t>(axis)] = 0;
      }
    }
  }
  Tensor view = storage.permute(reversed);
  for (int axis = 0; axis < rank; ++axis) view = view.slice(axis, 1, 1 + dense.shape()[axis]);
  return view;
}

Tensor laid_out(const Tensor& dense, Random& random, bool whole_rows) {
  const Shape& shape = dense.shape();
  Tensor once = dense;
  if (random.chance(0.25)) {
    for (int axis = 0; axis < shape.rank() - (whole_rows ? 1 : 0); ++axis) {
      if (shape[axis] > 0 && random.chance(0.5)) once = once.slice(axis, 0, 1);
    }
  }
  const std::int64_t layout = random.index(3);
  const Tensor laid = layout == 0 ? once.clone() : layout == 1 ? strided(once) : in_another_order(once, random);
  return laid.broadcast_to(shape);
}

Tensor narrowed(const Tensor& x) {
  if (x.numel() == 0) return x.to(DType::f32);
  const int rank = x.shape().rank();
  Tensor once = x;
  for (int axis = 0; axis < rank; ++axis) {
    if (x.stride(axis) == 0) once = once.slice(axis, 0, 1);
  }
  // From the largest step to the smallest, then the axes of one element. A dense tensor has the steps of x if an axis is
  // as long as the step before has steps of its own.
  const auto step = [&](int axis) { return once.shape()[axis] == 1 ? 1 : once.stride(axis); };
  Axes order(static_cast<std::size_t>(rank));
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, [&](int a, int b) {
    return std::pair(step(a), once.shape()[a] > 1) > std::pair(step(b), once.shape()[b] > 1);
  });
  const Tensor packed = once.permute(order).to(DType::f32);
  Tensor narrow = packed;
  for (int axis = rank - 1; axis > 0; --axis) {
    const std::int64_t length =
        step(order[static_cast<std::size_t>(axis) - 1]) / step(order[static_cast<std::size_t>(axis)]);
    const std::int64_t gap = length - packed.shape()[axis];
    if (gap <= 0) continue;
    narrow = concat(engine::Vars{narrow, Tensor::full(narrow.shape().with(axis, gap), kGap)}, axis).tensor();
  }
  for (int axis = 0; axis < rank; ++axis) narrow = narrow.slice(axis, 0, packed.shape()[axis]);
  narrow = narrow.permute(inverse_of(order)).broadcast_to(x.shape());
  for (int axis = 0; axis < rank; ++axis) {
    if (x.shape()[axis] > 1 && narrow.stride(axis) != x.stride(axis))
      throw std::logic_error("[narrowed] " + describe(x) + " has strides that its copy cannot have.");
  }
  return narrow;
}

}  // namespace tests
