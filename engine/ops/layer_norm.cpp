// Layer normalisation over the last axis, fused.                                              [Ba et al. 2016, eq. 4]
//
//   x̂ = ρ (x − mean x),   ρ = (var x + eps)^-1/2,   y = γ x̂ + β                 residuals x̂, ρ, γ
//   push   ẏ = γ N(ẋ) + γ̇ x̂ + β̇,   N(v) = ρ (v − mean v − x̂ mean(x̂ v)), self-adjoint
//   pull   x̄ = N(γ ȳ),   γ̄ = Σ x̂ ȳ,   β̄ = Σ ȳ
#include "engine/autodiff/primitive.hpp"
#include "engine/backend/kernels.hpp"
#include "engine/ops/check.hpp"
#include "engine/ops/ops.hpp"

namespace engine {
namespace {

Axes all_but_last(const Shape& shape) {
  Axes axes;
  for (int axis = 0; axis < shape.rank() - 1; ++axis) axes.push_back(axis);
  return axes;
}

class LayerNorm final : public Primitive {
 public:
  explicit LayerNorm(double eps) : eps_(eps) {}
  std::string_view name() const noexcept override { return "layer_norm"; }
  bool is_fused() const noexcept override { return true; }

  Evaluation forward(VarSpan x, Save save) const override {
    const backend::Normalised hat = backend::standardise(x[0].tensor(), eps_);
    const Tensor beta = x[2].tensor();
    const Tensor y = backend::scale_shift(hat.value, x[1].tensor(), &beta);
    return {{y}, save == Save::yes ? Vars{hat.value, hat.deviation, x[1]} : Vars{}};
  }

  Tangents pushforward(VarSpan r, TangentSpan x_dot) const override {
    const backend::Normalised hat{r[0].tensor(), r[1].tensor()};
    const Tensor* beta_dot = x_dot[2].has_value() ? &x_dot[2]->tensor() : nullptr;
    Tangent y_dot;
    if (x_dot[0].has_value()) {  // γ N(ẋ) + β̇
      y_dot = backend::scale_shift(backend::standardise_jacobian(hat, x_dot[0]->tensor()), r[2].tensor(), beta_dot);
      beta_dot = nullptr;
    }
    if (x_dot[1].has_value()) {  // + γ̇ x̂
      const Tensor by_gamma = backend::scale_shift(hat.value, x_dot[1]->tensor(), beta_dot);
      y_dot = y_dot.has_value() ? backend::binary(backend::Binary::add, y_dot->tensor(), by_gamma) : by_gamma;
      beta_dot = nullptr;
    }
    if (beta_dot != nullptr) y_dot = beta_dot->broadcast_to(hat.value.shape()).contiguous();
    return {y_dot};
  }

  Tangents pullback(VarSpan r, TangentSpan y_bar, const Wanted& wanted) const override {
    const backend::Normalised hat{r[0].tensor(), r[1].tensor()};
    const Tensor bar = y_bar[0]->tensor();
    const Axes rows = all_but_last(bar.shape());
    Tangents x_bar(3);
    if (wanted[0]) x_bar[0] = backend::standardise_jacobian(hat, backend::scale_shift(bar, r[2].tensor(), nullptr));
    if (wanted[1]) x_bar[1] = backend::sum(backend::binary(backend::Binary::mul, hat.value, bar), rows);
    if (wanted[2]) x_bar[2] = backend::sum(bar, rows);
    return x_bar;
  }

  Vars decompose(VarSpan x) const override {
    const Shape& shape = x[0].shape();
    const auto row_mean = [&shape](const Var& v) {
      return broadcast_to(reshape(mean(v, {-1}), shape.with(-1, 1)), shape);
    };
    const Var centred = sub(x[0], row_mean(x[0]));
    const Var rho = reciprocal(sqrt(shift(row_mean(mul(centred, centred)), eps_)));
    const Var hat = mul(centred, rho);
    return {add(mul(hat, broadcast_to(x[1], shape)), broadcast_to(x[2], shape))};
  }

 private:
  double eps_;
};

}  // namespace

Var layer_norm(const Var& x, const Var& gamma, const Var& beta, double eps) {
  require_floating("layer_norm", x);
  require_dtype("layer_norm", x, gamma);
  require_dtype("layer_norm", x, beta);
  require(x.shape().rank() >= 1 && x.shape()[-1] > 0, "layer_norm", "needs a last axis with elements", x);
  const Shape channels{x.shape()[-1]};
  require(gamma.shape() == channels, "layer_norm", "needs gamma " + to_string(channels), gamma);
  require(beta.shape() == channels, "layer_norm", "needs beta " + to_string(channels), beta);
  return call(std::make_shared<const LayerNorm>(eps), {x, gamma, beta});
}

}  // namespace engine
