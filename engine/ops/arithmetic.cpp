// Sums and products of tensors of one shape.
//   p a + q b   linear     push: p ȧ + q ḃ     pull: p ȳ, q ȳ
//   p x + c     linear     push: p ẋ           pull: p ȳ
//   a ⊙ b       bilinear   push: ȧ ⊙ b + a ⊙ ḃ pull: ȳ ⊙ b, ȳ ⊙ a
#include "engine/autodiff/combinators.hpp"
#include "engine/autodiff/trace.hpp"
#include "engine/backend/kernels.hpp"
#include "engine/ops/check.hpp"
#include "engine/ops/ops.hpp"

namespace engine {
namespace {

// a ± b. A class of its own, because an absent tangent on one side must cost nothing.
class Sum final : public Primitive {
 public:
  explicit Sum(bool minus) : minus_(minus) {}
  std::string_view name() const noexcept override { return minus_ ? "sub" : "add"; }

  Evaluation forward(VarSpan x, Save) const override {
    if (!all_plain(x)) return {dispatch(shared_from_this(), x), {}};
    return {{backend::binary(minus_ ? backend::Binary::sub : backend::Binary::add, x[0].tensor(), x[1].tensor())}, {}};
  }
  Tangents pushforward(VarSpan, TangentSpan x_dot) const override {
    if (!x_dot[1].has_value()) return {x_dot[0]};
    if (!x_dot[0].has_value()) return {signed_right(*x_dot[1])};
    return {minus_ ? sub(*x_dot[0], *x_dot[1]) : add(*x_dot[0], *x_dot[1])};
  }
  Tangents pullback(VarSpan, TangentSpan y_bar, const Wanted& wanted) const override {
    Tangents x_bar(2);
    if (wanted[0]) x_bar[0] = y_bar[0];
    if (wanted[1]) x_bar[1] = signed_right(*y_bar[0]);
    return x_bar;
  }

 private:
  Var signed_right(const Var& x) const { return minus_ ? scale(x, -1.0) : x; }
  bool minus_;
};

}  // namespace

Var add(const Var& a, const Var& b) {
  static const Op op = std::make_shared<const Sum>(false);
  require_same("add", a, b);
  return call(op, {a, b});
}

void add_to(CotangentSum& sum, const Tensor& x) {
  backend::add_into(x, sum.values, !sum.empty);
  sum.empty = false;
}

Var sub(const Var& a, const Var& b) {
  static const Op op = std::make_shared<const Sum>(true);
  require_same("sub", a, b);
  return call(op, {a, b});
}

Var mul(const Var& a, const Var& b) {
  static const Op op = bilinear_op(
      "mul", [](std::span<const Tensor> x) { return backend::binary(backend::Binary::mul, x[0], x[1]); },
      [](const Var& y_bar, const Var& right) { return mul(y_bar, right); },
      [](const Var& y_bar, const Var& left) { return mul(y_bar, left); });
  require_same("mul", a, b);
  return call(op, {a, b});
}

Var scale(const Var& x, double factor) {
  require_floating("scale", x);
  return call(linear_op(
                  "scale", [factor](std::span<const Tensor> t) { return backend::affine(t[0], factor, 0.0); },
                  [factor](const Var& y_bar) { return scale(y_bar, factor); }),
              {x});
}

Var shift(const Var& x, double offset) {
  require_open("shift", x);
  require_floating("shift", x);
  return add(x, Tensor::full({1}, offset, x.dtype()).reshape({}).broadcast_to(x.shape()));
}

Var dot(const Var& a, const Var& b) {
  require_open("dot", a);
  require_open("dot", b);
  require_same("dot", a, b);
  Axes all;
  for (int axis = 0; axis < a.shape().rank(); ++axis) all.push_back(axis);
  return sum(mul(a, b), all);
}

}  // namespace engine
