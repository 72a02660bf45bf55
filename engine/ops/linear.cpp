// Linear layer with an optional bias, and optionally an activation or something to add to, fused.
//
//   z = x Wᵀ + b + a,   h = g(z),   d = g'(z)             residuals x, W, d
//   push   ḣ = d ⊙ (ẋ Wᵀ + x Ẇᵀ + ḃ + ȧ)                  two products; bias, sums and d ride along as their epilogue
//   pull   z̄ = d ⊙ h̄,   x̄ = z̄ W,   W̄ = z̄ᵀ x,   b̄ = Σ z̄,   ā = z̄
#include <optional>

#include "engine/autodiff/primitive.hpp"
#include "engine/backend/kernels.hpp"
#include "engine/ops/check.hpp"
#include "engine/ops/cotangent.hpp"
#include "engine/ops/ops.hpp"

namespace engine {
namespace {

Tensor transposed(const Tensor& matrix) { return matrix.permute({1, 0}); }

class LinearLayer final : public Primitive {  // of x, W [, b [, a]]
 public:
  LinearLayer(std::string_view name, std::optional<Activation> activation) : name_(name), activation_(activation) {}
  std::string_view name() const noexcept override { return name_; }
  bool is_fused() const noexcept override { return true; }

  Evaluation forward(VarSpan x, Save save) const override {
    const Tensor input = x[0].tensor().contiguous();
    const Tensor rows = as_rows(input);
    const Tensor& weight = x[1].tensor();
    std::optional<Tensor> bias, addend;
    if (x.size() > 2) bias = x[2].tensor().contiguous();
    if (x.size() > 3) addend = as_rows(x[3].tensor());
    const Shape shape = input.shape().with(-1, weight.shape()[0]);
    Tensor z = Tensor::empty({rows.shape()[0], weight.shape()[0]}, weight.dtype());
    backend::matmul(rows, transposed(weight), z.writable(), {.bias = pointer(bias), .addend = pointer(addend)});
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
    std::optional<Tensor> bias_dot, addend_dot;
    if (x_dot.size() > 2 && x_dot[2].has_value()) bias_dot = x_dot[2]->tensor().contiguous();
    if (x_dot.size() > 3 && x_dot[3].has_value()) addend_dot = as_rows(x_dot[3]->tensor());
    const bool by_x = x_dot[0].has_value();
    const bool by_weight = x_dot[1].has_value();

    Tensor h_dot = Tensor::empty({rows.shape()[0], weight.shape()[0]}, weight.dtype());
    if (by_x) {  // ẋ Wᵀ + ḃ + ȧ
      backend::matmul(as_rows(x_dot[0]->tensor()), transposed(weight), h_dot.writable(),
                      {.bias = pointer(bias_dot), .addend = pointer(addend_dot), .multiply = by_weight ? nullptr : d});
    }
    if (by_weight) {  // + x Ẇᵀ
      backend::Epilogue epilogue{.accumulate = by_x, .multiply = d};
      if (!by_x) {
        epilogue.bias = pointer(bias_dot);
        epilogue.addend = pointer(addend_dot);
      }
      backend::matmul(rows, transposed(x_dot[1]->tensor()), h_dot.writable(), epilogue);
    }
    if (!by_x && !by_weight) {
      if (bias_dot.has_value()) backend::add_into(bias_dot->broadcast_to(h_dot.shape()), h_dot.writable(), false);
      if (addend_dot.has_value()) backend::add_into(*addend_dot, h_dot.writable(), bias_dot.has_value());
      if (d != nullptr) h_dot = backend::binary(backend::Binary::mul, *d, h_dot);
    }
    return {Var(h_dot.reshape(r[0].shape().with(-1, weight.shape()[0])))};
  }

  Tangents pullback(VarSpan r, TangentSpan y_bar, const Wanted& wanted) const override {
    const Tensor rows = as_rows(r[0].tensor());
    const Tensor& weight = r[1].tensor();
    const Tensor z_bar = z_cotangent(r, y_bar);
    Tangents x_bar(wanted.size());
    if (wanted[0]) {  // x̄ = z̄ W
      Cotangent bar(wanted, 0, r[0].tensor());
      backend::matmul(z_bar, weight, bar.values().reshape(rows.shape()), {.accumulate = bar.adds()});
      x_bar[0] = bar.result();
    }
    if (wanted[1]) {  // W̄ = z̄ᵀ x
      Cotangent bar(wanted, 1, weight);
      backend::matmul(transposed(z_bar), rows, bar.values(), {.accumulate = bar.adds()});
      x_bar[1] = bar.result();
    }
    if (wanted.size() > 2 && wanted[2]) {  // b̄ = Σ z̄
      Cotangent bar(wanted, 2, {weight.shape()[0]}, weight.dtype());
      backend::sum_rows(z_bar, bar.values(), bar.adds());
      x_bar[2] = bar.result();
    }
    if (wanted.size() > 3 && wanted[3]) x_bar[3] = y_bar[0];
    return x_bar;
  }

  OuterSums pullback_unsummed(VarSpan r, TangentSpan y_bar, const Wanted& wanted) const override {
    OuterSums x_bar(wanted.size());
    const Tensor z_bar = z_cotangent(r, y_bar);
    if (wanted[1]) x_bar[1] = OuterSum{z_bar, as_rows(r[0].tensor())};
    if (wanted.size() > 2 && wanted[2]) x_bar[2] = OuterSum{z_bar, std::nullopt};
    return x_bar;
  }

  Vars decompose(VarSpan x) const override {
    const std::int64_t I = x[1].shape()[1];
    const std::int64_t O = x[1].shape()[0];
    const Shape rows{x[0].shape().numel() / I, O};
    Var z = matmul(reshape(x[0], {rows[0], I}), transpose(x[1]));
    if (x.size() > 2) z = add(z, broadcast_to(x[2], rows));
    if (activation_.has_value()) z = *activation_ == Activation::gelu ? gelu(z) : quick_gelu(z);
    z = reshape(z, x[0].shape().with(-1, O));
    return {x.size() > 3 ? add(z, x[3]) : z};
  }

 private:
  Tensor z_cotangent(VarSpan r, TangentSpan y_bar) const {  // z̄ = d ⊙ h̄
    const Tensor h_bar = as_rows(y_bar[0]->tensor());
    return activation_.has_value() ? backend::binary(backend::Binary::mul, h_bar, r[2].tensor()) : h_bar;
  }
  static const Tensor* pointer(const std::optional<Tensor>& x) { return x.has_value() ? &*x : nullptr; }
  static Tensor as_rows(const Tensor& x) { return x.contiguous().reshape({x.numel() / x.shape()[-1], x.shape()[-1]}); }

  std::string_view name_;  // of a literal
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
  if (x.size() > 3) {
    const Var& addend = *(x.begin() + 3);
    require_dtype(op->name(), input, addend);
    const Shape shape = input.shape().with(-1, weight.shape()[0]);
    require(addend.shape() == shape, op->name(), "needs an addend " + to_string(shape), addend);
  }
  return call(op, x);
}

const Op& plain_layer() {
  static const Op op = std::make_shared<const LinearLayer>("linear", std::nullopt);
  return op;
}

}  // namespace

Var linear(const Var& x, const Var& weight) { return apply_layer(plain_layer(), {x, weight}); }

Var linear(const Var& x, const Var& weight, const Var& bias) { return apply_layer(plain_layer(), {x, weight, bias}); }

Var linear_add(const Var& x, const Var& weight, const Var& bias, const Var& addend) {
  static const Op op = std::make_shared<const LinearLayer>("linear_add", std::nullopt);
  return apply_layer(op, {x, weight, bias, addend});
}

Var linear_activation(const Var& x, const Var& weight, const Var& bias, Activation activation) {
  static const Op with_gelu = std::make_shared<const LinearLayer>("linear_activation", Activation::gelu);
  static const Op with_quick_gelu = std::make_shared<const LinearLayer>("linear_activation", Activation::quick_gelu);
  return apply_layer(activation == Activation::gelu ? with_gelu : with_quick_gelu, {x, weight, bias});
}

}  // namespace engine
