// Rows divided by their length, fused. The Jacobian is symmetric, so push and pull are the same function.
//
//   ŷ = ρ x,   ρ = 1/‖x‖                                  residuals ŷ, ρ
//   push   ẏ = ρ (ẋ − ŷ ⟨ŷ, ẋ⟩)
//   pull   x̄ = ρ (ȳ − ŷ ⟨ŷ, ȳ⟩)
#include "engine/autodiff/primitive.hpp"
#include "engine/backend/kernels.hpp"
#include "engine/ops/check.hpp"
#include "engine/ops/ops.hpp"

namespace engine {
namespace {

class L2Normalize final : public Primitive {
 public:
  std::string_view name() const noexcept override { return "l2_normalize"; }
  bool is_fused() const noexcept override { return true; }

  Evaluation forward(VarSpan x, Save save) const override {
    const backend::Normalised hat = backend::normalise(x[0].tensor());
    return {{hat.value}, save == Save::yes ? Vars{hat.value, hat.deviation} : Vars{}};
  }
  Tangents pushforward(VarSpan r, TangentSpan x_dot) const override { return {Var(jacobian(r, *x_dot[0]))}; }
  Tangents pullback(VarSpan r, TangentSpan y_bar, const Wanted&) const override {
    return {Var(jacobian(r, *y_bar[0]))};
  }

  Vars decompose(VarSpan x) const override {
    const Var squares = reshape(sum(mul(x[0], x[0]), {-1}), x[0].shape().with(-1, 1));
    return {mul(x[0], broadcast_to(reciprocal(sqrt(squares)), x[0].shape()))};
  }

 private:
  static Tensor jacobian(VarSpan r, const Var& v) {
    return backend::normalise_jacobian({r[0].tensor(), r[1].tensor()}, v.tensor());
  }
};

}  // namespace

Var l2_normalize(const Var& x) {
  static const Op op = std::make_shared<const L2Normalize>();
  require_floating("l2_normalize", x);
  require(x.shape().rank() >= 1 && x.shape()[-1] > 0, "l2_normalize", "needs a last axis with elements", x);
  return call(op, {x});
}

}  // namespace engine
