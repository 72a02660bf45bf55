// Softmax cross entropy, averaged over the batch, fused. Targets t are an attribute of the op, so no rule mentions
// their tangent.
//
//   L = −1/B Σ_b Σ_k t log softmax(z)                     residual r = (softmax(z) − t)/B
//   push   L̇ = ⟨r, ż⟩
//   pull   z̄ = L̄ r
#include <cmath>

#include "engine/autodiff/primitive.hpp"
#include "engine/backend/kernels.hpp"
#include "engine/ops/check.hpp"
#include "engine/ops/ops.hpp"

namespace engine {
namespace {

class CrossEntropy final : public Primitive {
 public:
  CrossEntropy(std::string_view name, Tensor targets) : name_(name), targets_(std::move(targets)) {}
  std::string_view name() const noexcept override { return name_; }
  bool is_fused() const noexcept override { return true; }

  Evaluation forward(VarSpan x, Save save) const override {
    Tensor residual = Tensor::empty({0}, x[0].dtype());
    const Tensor loss = backend::cross_entropy(x[0].tensor(), targets_, save == Save::yes ? &residual : nullptr);
    return {{loss}, save == Save::yes ? Vars{residual} : Vars{}};
  }
  Tangents pushforward(VarSpan r, TangentSpan x_dot) const override {
    return {Var(Tensor::full({}, backend::dot(r[0].tensor(), x_dot[0]->tensor()), r[0].dtype()))};
  }
  Tangents pullback(VarSpan r, TangentSpan y_bar, const Wanted&) const override {
    return {Var(backend::affine(r[0].tensor(), y_bar[0]->tensor().item(), 0.0))};
  }

  Vars decompose(VarSpan x) const override {
    const Tensor largest =
        backend::max_last(x[0].tensor());  // a constant: the loss does not change under a shift of a row
    const Var z = sub(x[0], broadcast_to(largest, x[0].shape()));
    const Var totals = reshape(log(sum(exp(z), {-1})), largest.shape());
    const Var log_p = sub(z, broadcast_to(totals, z.shape()));
    return {scale(dot(Var(targets_), log_p), -1.0 / static_cast<double>(x[0].shape()[0]))};
  }

 private:
  std::string_view name_;  // of a literal
  Tensor targets_;
};

void require_logits(std::string_view op, const Var& logits) {
  require_floating(op, logits);
  require(logits.shape().rank() == 2 && logits.shape().numel() > 0, op, "needs logits [B, K], not empty", logits);
}

template <class T>
Tensor one_hot(const Tensor& labels, const Shape& shape) {
  Tensor targets = Tensor::zeros(shape, DTypeOf<T>::value);
  T* rows = targets.writable().data<T>();
  for (std::int64_t b = 0; b < shape[0]; ++b) {
    const std::int64_t label = labels.data<std::int64_t>()[b * labels.stride(0)];
    if (label < 0 || label >= shape[1]) {
      throw std::invalid_argument("[cross_entropy] needs labels in 0 .. " + std::to_string(shape[1] - 1) + "; got " +
                                  std::to_string(label) + " at position " + std::to_string(b) + ".");
    }
    rows[b * shape[1] + label] = T(1);
  }
  return targets;
}

}  // namespace

Var cross_entropy(const Var& logits, const Tensor& labels) {
  require_logits("cross_entropy", logits);
  if (labels.dtype() != DType::i64 || labels.shape() != Shape{logits.shape()[0]}) {
    throw ShapeError("[cross_entropy] needs labels i64 [" + std::to_string(logits.shape()[0]) + "]; got " +
                     describe(labels) + ".");
  }
  const Tensor targets =
      logits.dtype() == DType::f32 ? one_hot<float>(labels, logits.shape()) : one_hot<double>(labels, logits.shape());
  return call(std::make_shared<const CrossEntropy>("cross_entropy", targets), {logits});
}

Var soft_cross_entropy(const Var& logits, const Tensor& targets) {
  require_logits("soft_cross_entropy", logits);
  require_same("soft_cross_entropy", logits, targets);
  const Tensor totals = backend::sum(targets, {1}).to(DType::f64);
  for (std::int64_t b = 0; b < targets.shape()[0]; ++b) {
    const double total = totals.data<double>()[b];
    if (!(std::abs(total - 1.0) < 1e-4)) {
      throw std::invalid_argument("[soft_cross_entropy] each row of targets must sum to 1; row " + std::to_string(b) +
                                  " sums to " + std::to_string(total) + ".");
    }
  }
  return call(std::make_shared<const CrossEntropy>("soft_cross_entropy", targets), {logits});
}

}  // namespace engine
