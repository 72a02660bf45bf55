// Sums over axes. Linear:   y = Σ x.   push: Σ ẋ.   pull: ȳ repeated along the axes that were summed.
#include "engine/autodiff/combinators.hpp"
#include "engine/autodiff/trace.hpp"
#include "engine/backend/kernels.hpp"
#include "engine/ops/check.hpp"
#include "engine/ops/ops.hpp"

namespace engine {

Var sum(const Var& x, const Axes& axes) {
  require_floating("sum", x);
  const Axes resolved = require_axes("sum", x, axes);
  Shape with_ones = x.shape();
  for (const int axis : resolved) with_ones = with_ones.with(axis, 1);
  return call(
      linear_op(
          "sum", [resolved](std::span<const Tensor> t) { return backend::sum(t[0], resolved); },
          [with_ones, from = x.shape()](const Var& y_bar) { return broadcast_to(reshape(y_bar, with_ones), from); }),
      {x});
}

Var mean(const Var& x, const Axes& axes) {
  require_open("mean", x);
  require_floating("mean", x);
  std::int64_t count = 1;
  for (const int axis : require_axes("mean", x, axes)) count *= x.shape()[axis];
  require(count > 0, "mean", "needs at least one element along the axes", x);
  return scale(sum(x, axes), 1.0 / static_cast<double>(count));
}

}  // namespace engine
