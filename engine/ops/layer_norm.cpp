// Layer normalisation over the last axis, fused.                                              [Ba et al. 2016, eq. 4]
//
//   x̂ = ρ (x − mean x),   ρ = (var x + eps)^-1/2,   y = γ x̂ + β                 residuals x̂, ρ, γ
//   push   ẏ = γ N(ẋ) + γ̇ x̂ + β̇,   N(v) = ρ (v − mean v − x̂ mean(x̂ v)), self-adjoint
//   pull   x̄ = N(γ ȳ),   γ̄ = Σ x̂ ȳ,   β̄ = Σ ȳ
#include <array>
#include <optional>
#include <stdexcept>
#include <string>

#include "engine/autodiff/primitive.hpp"
#include "engine/backend/kernels.hpp"
#include "engine/ops/check.hpp"
#include "engine/ops/cotangent.hpp"
#include "engine/ops/ops.hpp"

namespace engine {
namespace {

class LayerNorm final : public Primitive {
 public:
  explicit LayerNorm(double eps) : eps_(eps) {}
  std::string_view name() const noexcept override { return "layer_norm"; }
  bool is_fused() const noexcept override { return true; }

  Evaluation forward(VarSpan x, Save save) const override {
    backend::LayerNormForward made = backend::layer_norm(x[0].tensor(), x[1].tensor(), x[2].tensor(), eps_);
    return {{made.y}, save == Save::yes ? Vars{made.hat.value, made.hat.deviation, x[1]} : Vars{}};
  }

  Tangents pushforward(VarSpan r, TangentSpan x_dot) const override {
    const auto pointer = [](const Tangent& tangent) { return tangent.has_value() ? &tangent->tensor() : nullptr; };
    return {Var(backend::layer_norm_push({r[0].tensor(), r[1].tensor()}, r[2].tensor(), pointer(x_dot[0]),
                                         pointer(x_dot[1]), pointer(x_dot[2])))};
  }

  Tangents pullback(VarSpan r, TangentSpan y_bar, const Wanted& wanted) const override {
    const std::array<const Tensor*, 3> like{&r[0].tensor(), &r[2].tensor(), &r[2].tensor()};  // β is like γ
    std::array<std::optional<Cotangent>, 3> bar;
    std::array<std::optional<MutableTensor>, 3> values;
    std::array<backend::Target, 3> targets;
    for (std::size_t i = 0; i < 3; ++i) {
      if (!wanted[i]) continue;
      bar[i].emplace(wanted, i, *like[i]);
      values[i] = bar[i]->values();
      targets[i] = {&*values[i], bar[i]->adds()};
    }
    backend::layer_norm_pull({r[0].tensor(), r[1].tensor()}, r[2].tensor(), y_bar[0]->tensor(), targets[0], targets[1],
                             targets[2]);
    Tangents x_bar(3);
    for (std::size_t i = 0; i < 3; ++i) {
      if (wanted[i]) x_bar[i] = bar[i]->result();
    }
    return x_bar;
  }

  OuterSums pullback_unsummed(VarSpan r, TangentSpan y_bar, const Wanted& wanted) const override {
    OuterSums x_bar(3);
    const Tensor hat = r[0].tensor().contiguous();
    const Shape rows{hat.numel() / hat.shape()[-1], hat.shape()[-1]};
    const Tensor bar = y_bar[0]->tensor().contiguous().reshape(rows);
    if (wanted[1]) x_bar[1] = OuterSum{backend::binary(backend::Binary::mul, bar, hat.reshape(rows)), std::nullopt};
    if (wanted[2]) x_bar[2] = OuterSum{bar, std::nullopt};
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
  if (!(eps >= 0.0))
    throw std::invalid_argument("[layer_norm] needs an eps of at least 0; got " + std::to_string(eps) + ".");
  const Shape channels{x.shape()[-1]};
  require(gamma.shape() == channels, "layer_norm", "needs gamma " + to_string(channels), gamma);
  require(beta.shape() == channels, "layer_norm", "needs beta " + to_string(channels), beta);
  return call(std::make_shared<const LayerNorm>(eps), {x, gamma, beta});
}

}  // namespace engine
