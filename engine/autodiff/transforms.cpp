#include "engine/autodiff/transforms.hpp"

#include "engine/autodiff/check_tangent.hpp"
#include "engine/autodiff/trace.hpp"
#include "engine/tensor/errors.hpp"

namespace engine {
namespace {

class StreamTrace final : public Trace {
 public:
  explicit StreamTrace(std::size_t directions) : directions_(directions) {}

  Vars process(const Op& op, VarSpan x) override {
    Vars primals;
    for (const Var& value : x) primals.push_back(lower(value));
    if (op->is_fused() && !all_plain(primals)) return op->decompose(x);
    const Evaluation evaluation = evaluate(op, primals, Save::yes);
    std::vector<Tangents> y_dots(evaluation.outputs.size(), Tangents(directions_));
    for (std::size_t k = 0; k < directions_; ++k) {
      Tangents x_dot;
      for (const Var& value : x) {
        const Tracer* tracer = own(value);
        x_dot.push_back(tracer != nullptr ? tracer->tangents[k] : std::nullopt);
      }
      if (!any_present(x_dot)) continue;
      Tangents y_dot = apply_pushforward(op, evaluation.residuals, x_dot);
      for (std::size_t i = 0; i < y_dot.size(); ++i) y_dots[i][k] = std::move(y_dot[i]);
    }
    Vars outputs;
    for (std::size_t i = 0; i < y_dots.size(); ++i)
      outputs.push_back(follow(*this, evaluation.outputs[i], std::move(y_dots[i]), 0));
    return outputs;
  }

  Dual unwrapped(const Var& y) const {
    const Tracer* tracer = own(y);
    return tracer != nullptr ? Dual{tracer->primal, tracer->tangents} : Dual{y, Tangents(directions_)};
  }

 private:
  std::size_t directions_;
};

}  // namespace

std::vector<Dual> jvp(const Function& f, VarSpan x, std::span<const Tangents> directions) {
  StreamTrace trace(directions.size());
  Vars followed;
  for (const Tangents& direction : directions) check_count("jvp", direction.size(), x.size(), "input");
  for (std::size_t i = 0; i < x.size(); ++i) {
    require_open("jvp", x[i]);
    Tangents tangents;
    for (const Tangents& direction : directions) {
      check_tangent("jvp", direction[i], x[i].shape(), x[i].dtype(), i);
      tangents.push_back(direction[i]);
    }
    // An input without any tangent is a constant; following it would make every op on it keep residuals for nothing.
    followed.push_back(any_present(tangents) ? follow(trace, x[i], std::move(tangents), 0) : x[i]);
  }
  std::vector<Dual> duals;
  for (const Var& y : f(followed)) {
    require_open("jvp", y);
    duals.push_back(trace.unwrapped(y));
  }
  return duals;
}

std::pair<Vars, Tangents> vjp(const Function& f, VarSpan x, TangentSpan y_bar) {
  Linearization record = linearize(f, x);
  Vars y(record.primals().begin(), record.primals().end());
  return {std::move(y), std::move(record).pull(y_bar)};
}

Function grad(Function f) {
  return [f = std::move(f)](VarSpan x) {
    Linearization record = linearize(f, x);
    check_count("grad", record.primals().size(), 1, "scalar output");
    const Var& y = record.primals().front();
    if (y.shape().numel() != 1)
      throw ShapeError("[grad] needs a function with one value; got shape " + to_string(y.shape()) + ".");
    const Tangents one{Var(Tensor::full(y.shape(), 1.0, y.dtype()))};
    const Tangents x_bar = std::move(record).pull(one);
    Vars gradient;
    for (std::size_t i = 0; i < x.size(); ++i) {
      gradient.push_back(x_bar[i].has_value() ? *x_bar[i] : Var(Tensor::zeros(x[i].shape(), x[i].dtype())));
    }
    return gradient;
  };
}

Tangents hvp(const Function& f, VarSpan x, TangentSpan v) {
  const std::vector<Tangents> directions{Tangents(v.begin(), v.end())};
  Tangents result;
  for (const Dual& dual : jvp(grad(f), x, directions)) result.push_back(dual.tangents.front());
  return result;
}

}  // namespace engine
