// Batched products. Bilinear:   y = a b.   push: ȧ b + a ḃ.   pull: ā = ȳ bᵀ, b̄ = aᵀ ȳ.
#include "engine/autodiff/combinators.hpp"
#include "engine/backend/kernels.hpp"
#include "engine/ops/check.hpp"
#include "engine/ops/ops.hpp"

namespace engine {

Var matmul(const Var& a, const Var& b) {
  static const Op op = bilinear_op(
      "matmul",
      [](std::span<const Tensor> x) {
        Tensor product = Tensor::empty(x[0].shape().with(-1, x[1].shape()[-1]), x[0].dtype());
        backend::matmul(x[0], x[1], product.writable());
        return product;
      },
      [](const Var& y_bar, const Var& right) { return matmul(y_bar, transpose(right)); },
      [](const Var& y_bar, const Var& left) { return matmul(transpose(left), y_bar); });
  require_floating("matmul", a);
  require_dtype("matmul", a, b);
  const int rank = a.shape().rank();
  bool fits = rank >= 2 && b.shape().rank() == rank && a.shape()[-1] == b.shape()[-2];
  for (int axis = 0; fits && axis < rank - 2; ++axis) fits = a.shape()[axis] == b.shape()[axis];
  if (!fits) {
    throw ShapeError("[matmul] needs a [..., M, K] and b [..., K, N] with equal leading axes; got " +
                     to_string(a.shape()) + " and " + to_string(b.shape()) + ".");
  }
  return call(op, {a, b});
}

}  // namespace engine
