#include "engine/autodiff/primitive.hpp"

#include <stdexcept>
#include <string>

#include "engine/autodiff/watch.hpp"

namespace engine {
namespace {

enum class Direction : bool { push, pull };

// Puts each of `values` where `chosen` is set, and nothing elsewhere; `choose` is its transpose.
Tangents place(TangentSpan values, const Wanted& chosen) {
  Tangents all;
  std::size_t position = 0;
  for (std::size_t i = 0; i < chosen.size(); ++i) all.push_back(chosen[i] ? values[position++] : std::nullopt);
  return all;
}

Tangents choose(const Tangents& all, const Wanted& chosen) {
  Tangents values;
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    if (chosen[i]) values.push_back(all[i]);
  }
  return values;
}

// A fused op's linear rule, at fixed residuals, as an op of its own: a linear map whose pushforward is itself and whose
// pullback is the op's other rule. Going `push` it takes the chosen tangents of the op's inputs to its one output;
// going `pull`, the cotangent of that output to the chosen inputs.
class FusedRule final : public Primitive {
 public:
  FusedRule(Op op, VarSpan residuals, Direction direction, Wanted chosen)
      : op_(std::move(op)),
        residuals_(residuals.begin(), residuals.end()),
        direction_(direction),
        chosen_(std::move(chosen)) {}

  std::string_view name() const noexcept override { return op_->name(); }

  Evaluation forward(VarSpan x, Save) const override {
    Vars outputs;
    for (const Tangent& y : along(Tangents(x.begin(), x.end()), chosen_)) outputs.push_back(y.value());
    return {std::move(outputs), {}};
  }

  Tangents pushforward(VarSpan, TangentSpan x_dot) const override { return along(x_dot, chosen_); }

  Tangents pullback(VarSpan, TangentSpan y_bar, const Wanted& wanted) const override {
    if (direction_ == Direction::pull) return apply_pushforward(op_, residuals_, place(y_bar, chosen_));
    Wanted both(chosen_.size());
    for (std::size_t i = 0, position = 0; i < chosen_.size(); ++i) {
      if (chosen_[i] && wanted[position++]) both.set(i);
    }
    return choose(apply_pullback(op_, residuals_, y_bar, both), chosen_);
  }

 private:
  Tangents along(TangentSpan x, const Wanted& chosen) const {
    return direction_ == Direction::push ? apply_pushforward(op_, residuals_, place(x, chosen))
                                         : choose(apply_pullback(op_, residuals_, x, chosen), chosen);
  }

  Op op_;
  Vars residuals_;
  Direction direction_;
  Wanted chosen_;
};

Vars apply_as_op(const Op& op, VarSpan r, Direction direction, TangentSpan x, const Wanted& chosen) {
  Vars present;
  for (const Tangent& tangent : x) {
    if (tangent.has_value()) present.push_back(*tangent);
  }
  return dispatch(std::make_shared<const FusedRule>(op, r, direction, chosen), present);
}

}  // namespace

OuterSums Primitive::pullback_unsummed(VarSpan, TangentSpan, const Wanted& wanted) const {
  return OuterSums(wanted.size());
}

Vars Primitive::decompose(VarSpan) const {
  throw std::logic_error("[" + std::string(name()) + "] an elementary op has no decomposition.");
}

Evaluation evaluate(const Op& op, VarSpan x, Save save) {
  if (!is_watched()) return op->forward(x, save);
  const Watch watch(*op, Rule::forward);
  Evaluation evaluation = op->forward(x, save);
  watch.check(Tangents(x.begin(), x.end()), Tangents(evaluation.outputs.begin(), evaluation.outputs.end()));
  return evaluation;
}

Tangents apply_pushforward(const Op& op, VarSpan r, TangentSpan x_dot) {
  if (!op->is_fused() || all_plain(x_dot)) {
    if (!is_watched()) return op->pushforward(r, x_dot);
    const Watch watch(*op, Rule::push);
    Tangents y_dot = op->pushforward(r, x_dot);
    watch.check(x_dot, y_dot);
    return y_dot;
  }
  Wanted present(x_dot.size());
  for (std::size_t i = 0; i < x_dot.size(); ++i) {
    if (x_dot[i].has_value()) present.set(i);
  }
  const Vars y_dot = apply_as_op(op, r, Direction::push, x_dot, present);
  return {y_dot.begin(), y_dot.end()};
}

Tangents apply_pullback(const Op& op, VarSpan r, TangentSpan y_bar, const Wanted& wanted) {
  if (!op->is_fused() || all_plain(y_bar)) {
    if (!is_watched()) return op->pullback(r, y_bar, wanted);
    const Watch watch(*op, Rule::pull);
    Tangents x_bar = op->pullback(r, y_bar, wanted);
    watch.check(y_bar, x_bar);
    return x_bar;
  }
  const Vars x_bar = apply_as_op(op, r, Direction::pull, y_bar, wanted);
  return place(Tangents(x_bar.begin(), x_bar.end()), wanted);
}

}  // namespace engine
