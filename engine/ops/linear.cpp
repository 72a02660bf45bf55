// Linear layer with an optional bias and activation, fused.
//
//   z = x Wᵀ + b,   h = g(z),   d = g'(z)                 residuals x, W, d
//   push   ḣ = d ⊙ (ẋ Wᵀ + x Ẇᵀ + ḃ)                      two products; bias, sum and d ride along as their epilogue
//   pull   z̄ = d ⊙ h̄,   x̄ = z̄ W,   W̄ = z̄ᵀ x,   b̄ = Σ z̄
#include <optional>

#include "engine/autodiff/primitive.hpp"
#include "engine/backend/kernels.hpp"
#include "engine/ops/check.hpp"
#include "engine/ops/ops.hpp"

namespace engine {
namespace {

Tensor transposed(const Tensor& matrix) { return matrix.permute({1, 0}); }

class LinearLayer final : public Primitive {
 public:
  explicit LinearLayer(std::optional<Activation> activation) : activation_(activation) {}
  std::string_view name() const noexcept override { return activation_.has_value() ? "linear_activation" : "linear"; }
  bool is_fused() const noexcept override { return true; }

  Evaluation forward(VarSpan x, Save save) const override {
    const Tensor input = x[0].tensor().contiguous();
    const Tensor rows = as_rows(input);
    const Tensor& weight = x[1].tensor();
    std::optional<Tensor> bias;
    if (x.size() > 2) bias = x[2].tensor().contiguous();
    const Shape shape = input.shape().with(-1, weight.shape()[0]);
    Tensor z = Tensor::empty({rows.shape()[0], weight.shape()[0]}, weight.dtype());
    backend::matmul(rows, transposed(weight), z.writable(), {.bias = bias.has_value() ? &*bias : nullptr});
    Vars residuals;
    if (save == Save::yes) residuals = {input, weight};
    if (!activation_.has_value()) return {{z.reshape(shape)}, std::move(residuals)};

    const backend::Activation g =
        *activation_ == Activation::gelu ? backend::Activation::gelu : backend::Activation::quick_gelu;
    MutableTensor in_place = z.writable();
    if (save == Save::no) {
      backend::activation(g, z, in_place, nullptr);
      return {{z.reshape(shape)}, {}};
    }
    Tensor h = Tensor::empty(z.shape(), z.dtype());
    backend::activation(g, z, h.writable(), &in_place);  // d takes z's place
    residuals.emplace_back(z);
    return {{h.reshape(shape)}, std::move(residuals)};
  }

  Tangents pushforward(VarSpan r, TangentSpan x_dot) const override {
    const Tensor rows = as_rows(r[0].tensor());
    const Tensor& weight = r[1].tensor();
    const Tensor* d = activation_.has_value() ? &r[2].tensor() : nullptr;
    std::optional<Tensor> bias_dot;
    if (x_dot.size() > 2 && x_dot[2].has_value()) bias_dot = x_dot[2]->tensor().contiguous();
    const Tensor* bias = bias_dot.has_value() ? &*bias_dot : nullptr;
    const bool by_x = x_dot[0].has_value();
    const bool by_weight = x_dot[1].has_value();

    Tensor h_dot = Tensor::empty({rows.shape()[0], weight.shape()[0]}, weight.dtype());
    if (by_x) {  // ẋ Wᵀ + ḃ
      backend::matmul(as_rows(x_dot[0]->tensor()), transposed(weight), h_dot.writable(),
                      {.bias = bias, .multiply = by_weight ? nullptr : d});
    }
    if (by_weight) {  // + x Ẇᵀ
      backend::matmul(rows, transposed(x_dot[1]->tensor()), h_dot.writable(),
                      {.bias = by_x ? nullptr : bias, .accumulate = by_x, .multiply = d});
    }
    if (!by_x && !by_weight) {
      const Tensor repeated = bias_dot->broadcast_to(h_dot.shape());
      h_dot = d != nullptr ? backend::binary(backend::Binary::mul, *d, repeated) : repeated.contiguous();
    }
    return {Var(h_dot.reshape(r[0].shape().with(-1, weight.shape()[0])))};
  }

  Tangents pullback(VarSpan r, TangentSpan y_bar, const Wanted& wanted) const override {
    const Tensor rows = as_rows(r[0].tensor());
    const Tensor& weight = r[1].tensor();
    Tensor z_bar = as_rows(y_bar[0]->tensor());
    if (activation_.has_value()) z_bar = backend::binary(backend::Binary::mul, z_bar, r[2].tensor());
    Tangents x_bar(wanted.size());
    if (wanted[0]) {
      Tensor bar = Tensor::empty(rows.shape(), rows.dtype());
      backend::matmul(z_bar, weight, bar.writable());
      x_bar[0] = bar.reshape(r[0].shape());
    }
    if (wanted[1]) {
      Tensor bar = Tensor::empty(weight.shape(), weight.dtype());
      backend::matmul(transposed(z_bar), rows, bar.writable());
      x_bar[1] = bar;
    }
    if (wanted.size() > 2 && wanted[2]) x_bar[2] = backend::sum(z_bar, {0});
    return x_bar;
  }

  Vars decompose(VarSpan x) const override {
    const std::int64_t I = x[1].shape()[1];
    const std::int64_t O = x[1].shape()[0];
    const Shape rows{x[0].shape().numel() / I, O};
    Var z = matmul(reshape(x[0], {rows[0], I}), transpose(x[1]));
    if (x.size() > 2) z = add(z, broadcast_to(x[2], rows));
    if (activation_.has_value()) z = *activation_ == Activation::gelu ? gelu(z) : quick_gelu(z);
    return {reshape(z, x[0].shape().with(-1, O))};
  }

 private:
  static Tensor as_rows(const Tensor& x) { return x.contiguous().reshape({x.numel() / x.shape()[-1], x.shape()[-1]}); }

  std::optional<Activation> activation_;
};

Var apply_layer(const Op& op, std::initializer_list<Var> x) {
  const Var& input = *x.begin();
  const Var& weight = *(x.begin() + 1);
  require_floating(op->name(), input);
  require_dtype(op->name(), input, weight);
  if (weight.shape().rank() != 2 || input.shape().rank() < 1 || input.shape()[-1] != weight.shape()[1] ||
      weight.shape().numel() == 0) {
    throw ShapeError(where(op->name()) + "needs x [..., I] and weight [O, I], not empty; got " +
                     to_string(input.shape()) + " and " + to_string(weight.shape()) + ".");
  }
  if (x.size() > 2) {
    const Var& bias = *(x.begin() + 2);
    require_dtype(op->name(), input, bias);
    require(bias.shape() == Shape{weight.shape()[0]}, op->name(), "needs a bias " + to_string(Shape{weight.shape()[0]}),
            bias);
  }
  return call(op, x);
}

const Op& layer(std::optional<Activation> activation) {
  static const Op plain = std::make_shared<const LinearLayer>(std::nullopt);
  static const Op with_gelu = std::make_shared<const LinearLayer>(Activation::gelu);
  static const Op with_quick_gelu = std::make_shared<const LinearLayer>(Activation::quick_gelu);
  if (!activation.has_value()) return plain;
  return *activation == Activation::gelu ? with_gelu : with_quick_gelu;
}

}  // namespace

Var linear(const Var& x, const Var& weight) { return apply_layer(layer(std::nullopt), {x, weight}); }

Var linear(const Var& x, const Var& weight, const Var& bias) {
  return apply_layer(layer(std::nullopt), {x, weight, bias});
}

Var linear_activation(const Var& x, const Var& weight, const Var& bias, Activation activation) {
  return apply_layer(layer(activation), {x, weight, bias});
}

}  // namespace engine
