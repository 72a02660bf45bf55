// Elementwise functions y = g(x). Each is diagonal: push and pull multiply by d = g'(x), written in ops so that it can
// be differentiated again.
#include <cmath>
#include <numbers>

#include "engine/autodiff/combinators.hpp"
#include "engine/autodiff/trace.hpp"
#include "engine/backend/kernels.hpp"
#include "engine/ops/check.hpp"
#include "engine/ops/ops.hpp"

namespace engine {
namespace {

Op function(std::string name, backend::Unary unary, BinaryMap derivative) {
  return diagonal_op(
      std::move(name), [unary](std::span<const Tensor> x) { return backend::unary(unary, x[0]); },
      std::move(derivative));
}

Var square(const Var& x) { return mul(x, x); }
Var one_minus(const Var& x) { return shift(scale(x, -1.0), 1.0); }

// φ(x) = e^(−x²/2) / √(2π)
Var normal_density(const Var& x) {
  return scale(exp(scale(square(x), -0.5)), std::numbers::inv_sqrtpi / std::numbers::sqrt2);
}

Var apply_to(const Op& op, const Var& x) {
  require_floating(op->name(), x);
  return call(op, {x});
}

}  // namespace

Var exp(const Var& x) {
  static const Op op = function("exp", backend::Unary::exp, [](const Var&, const Var& y) { return y; });
  return apply_to(op, x);
}

Var log(const Var& x) {
  static const Op op = function("log", backend::Unary::log, [](const Var& in, const Var&) { return reciprocal(in); });
  return apply_to(op, x);
}

Var sqrt(const Var& x) {
  static const Op op =
      function("sqrt", backend::Unary::sqrt, [](const Var&, const Var& y) { return scale(reciprocal(y), 0.5); });
  return apply_to(op, x);
}

Var reciprocal(const Var& x) {
  static const Op op = function("reciprocal", backend::Unary::reciprocal,
                                [](const Var&, const Var& y) { return scale(square(y), -1.0); });
  return apply_to(op, x);
}

Var tanh(const Var& x) {
  static const Op op =
      function("tanh", backend::Unary::tanh, [](const Var&, const Var& y) { return one_minus(square(y)); });
  return apply_to(op, x);
}

Var sigmoid(const Var& x) {
  static const Op op =
      function("sigmoid", backend::Unary::sigmoid, [](const Var&, const Var& y) { return mul(y, one_minus(y)); });
  return apply_to(op, x);
}

Var normal_cdf(const Var& x) {
  static const Op op =
      function("normal_cdf", backend::Unary::normal_cdf, [](const Var& in, const Var&) { return normal_density(in); });
  return apply_to(op, x);
}

Var gelu(const Var& x) {
  require_open("gelu", x);
  require_floating("gelu", x);
  return mul(x, normal_cdf(x));
}

Var quick_gelu(const Var& x) {
  require_open("quick_gelu", x);
  require_floating("quick_gelu", x);
  return mul(x, sigmoid(scale(x, 1.702)));
}

}  // namespace engine
