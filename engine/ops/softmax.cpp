// Softmax over the last axis, fused. Its Jacobian is symmetric, so push and pull are the same function.
//
//   p = e^x / Σ e^x                                       residual p
//   push   ṗ = D(p) ẋ,   D(p) v = p ⊙ (v − ⟨p, v⟩)
//   pull   x̄ = D(p) p̄
#include "engine/autodiff/primitive.hpp"
#include "engine/backend/kernels.hpp"
#include "engine/ops/check.hpp"
#include "engine/ops/ops.hpp"

namespace engine {
namespace {

class Softmax final : public Primitive {
 public:
  std::string_view name() const noexcept override { return "softmax"; }
  bool is_fused() const noexcept override { return true; }

  Evaluation forward(VarSpan x, Save save) const override {
    Tensor p = Tensor::empty(x[0].shape(), x[0].dtype());
    backend::softmax(x[0].tensor().contiguous(), 1.0, p.writable());
    return {{p}, save == Save::yes ? Vars{p} : Vars{}};
  }
  Tangents pushforward(VarSpan r, TangentSpan x_dot) const override { return {Var(jacobian(r, *x_dot[0]))}; }
  Tangents pullback(VarSpan r, TangentSpan y_bar, const Wanted&) const override {
    return {Var(jacobian(r, *y_bar[0]))};
  }

  Vars decompose(VarSpan x) const override {
    const Tensor largest = backend::max_last(x[0].tensor());  // a constant: softmax does not change under a shift
    const Var powers = exp(sub(x[0], broadcast_to(largest, x[0].shape())));
    const Var totals = reshape(sum(powers, {-1}), largest.shape());
    return {mul(powers, broadcast_to(reciprocal(totals), x[0].shape()))};
  }

 private:
  static Tensor jacobian(VarSpan r, const Var& v) { return backend::softmax_jacobian(r[0].tensor(), v.tensor(), 1.0); }
};

}  // namespace

Var softmax(const Var& x) {
  static const Op op = std::make_shared<const Softmax>();
  require_floating("softmax", x);
  require(x.shape().rank() >= 1 && x.shape()[-1] > 0, "softmax", "needs a last axis with elements", x);
  return call(op, {x});
}

}  // namespace engine
