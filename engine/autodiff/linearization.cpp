#include "engine/autodiff/linearization.hpp"

#include <map>
#include <stdexcept>
#include <string>
#include <utility>

#include "engine/autodiff/check_tangent.hpp"
#include "engine/autodiff/trace.hpp"
#include "engine/tensor/errors.hpp"

namespace engine {

// Evaluates each op on what its arguments wrap and notes the equation.
class RecordTrace final : public Trace {
 public:
  explicit RecordTrace(Linearization& record) : record_(record) {}

  Var new_slot(Var primal) {
    const Linearization::Slot slot = static_cast<Linearization::Slot>(record_.slots_.size());
    record_.slots_.push_back({primal.shape(), primal.dtype()});
    return follow(*this, std::move(primal), {}, slot);
  }

  Linearization::Slot slot_of(const Var& x) const {
    const Tracer* tracer = own(x);
    return tracer != nullptr ? tracer->slot : Linearization::kConstant;
  }

  Vars process(const Op& op, VarSpan x) override {
    Vars primals;
    for (const Var& value : x) primals.push_back(lower(value));
    if (op->is_fused() && !all_plain(primals)) return op->decompose(x);
    Evaluation evaluation = op->forward(primals, Save::yes);
    Linearization::Equation equation{op, std::move(evaluation.residuals), {}, {}, {}, Wanted(x.size())};
    for (std::size_t i = 0; i < x.size(); ++i) {
      equation.inputs.push_back(slot_of(x[i]));
      if (equation.inputs.back() != Linearization::kConstant) equation.wanted.set(i);
    }
    Vars outputs;
    for (Var& primal : evaluation.outputs) {
      outputs.push_back(new_slot(std::move(primal)));
      equation.outputs.push_back(slot_of(outputs.back()));
    }
    record_.equations_.push_back(std::move(equation));
    return outputs;
  }

  Var unwrapped(const Var& x) const { return lower(x); }

 private:
  Linearization& record_;
};

Linearization linearize(const Function& f, VarSpan x) {
  Linearization record;
  {
    RecordTrace trace(record);
    Vars followed;
    for (const Var& value : x) followed.push_back(trace.new_slot(value));
    record.inputs_ = x.size();
    for (const Var& y : f(followed)) {
      record.outputs_.push_back(trace.slot_of(y));
      record.primals_.push_back(trace.unwrapped(y));
    }
  }
  std::vector<bool> needed(record.slots_.size(), false);
  for (const Linearization::Slot slot : record.outputs_) {
    if (slot != Linearization::kConstant) needed[static_cast<std::size_t>(slot)] = true;
  }
  for (std::size_t e = record.equations_.size(); e-- > 0;) {
    Linearization::Equation& equation = record.equations_[e];
    for (const Linearization::Slot slot : equation.inputs) {
      if (slot == Linearization::kConstant || needed[static_cast<std::size_t>(slot)]) continue;
      needed[static_cast<std::size_t>(slot)] = true;
      equation.last_used.push_back(slot);
    }
  }
  return record;
}

void Linearization::check_not_spent() const {
  if (spent_)
    throw std::logic_error(
        "[linearization] its residuals went with the last pull; record again, or pull without std::move.");
}

Tangents Linearization::push(TangentSpan x_dot) const {
  check_not_spent();
  check_count("push", x_dot.size(), inputs_, "input");
  Tangents tangents(slots_.size());
  for (std::size_t i = 0; i < inputs_; ++i) {
    check_tangent("push", x_dot[i], slots_[i].shape, slots_[i].dtype, i);
    tangents[i] = x_dot[i];
  }
  for (const Equation& equation : equations_) {
    Tangents in;
    for (const Slot slot : equation.inputs)
      in.push_back(slot == kConstant ? std::nullopt : tangents[static_cast<std::size_t>(slot)]);
    for (const Slot slot : equation.last_used) tangents[static_cast<std::size_t>(slot)].reset();
    if (!any_present(in)) continue;
    Tangents out = apply_pushforward(equation.op, equation.residuals, in);
    for (std::size_t i = 0; i < out.size(); ++i)
      tangents[static_cast<std::size_t>(equation.outputs[i])] = std::move(out[i]);
  }
  Tangents y_dot;
  for (const Slot slot : outputs_)
    y_dot.push_back(slot == kConstant ? std::nullopt : tangents[static_cast<std::size_t>(slot)]);
  return y_dot;
}

Tangents Linearization::sweep_back(TangentSpan y_bar, const std::function<void(std::size_t)>& passed) const {
  check_not_spent();
  check_count("pull", y_bar.size(), outputs_.size(), "output");
  Tangents cotangents(slots_.size());
  const auto accumulate = [&cotangents](Slot slot, const Tangent& bar) {
    if (slot == kConstant || !bar.has_value()) return;
    Tangent& sum = cotangents[static_cast<std::size_t>(slot)];
    sum = sum.has_value() ? add(*sum, *bar) : bar;
  };
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    check_tangent("pull", y_bar[i], primals_[i].shape(), primals_[i].dtype(), i);
    accumulate(outputs_[i], y_bar[i]);
  }
  for (std::size_t e = equations_.size(); e-- > 0;) {
    const Equation& equation = equations_[e];
    Tangents out;
    for (const Slot slot : equation.outputs)
      out.push_back(std::exchange(cotangents[static_cast<std::size_t>(slot)], std::nullopt));
    if (any_present(out)) {
      const Tangents in = apply_pullback(equation.op, equation.residuals, out, equation.wanted);
      for (std::size_t i = 0; i < in.size(); ++i) accumulate(equation.inputs[i], in[i]);
    }
    passed(e);
  }
  cotangents.resize(inputs_);
  return cotangents;
}

Tangents Linearization::pull(TangentSpan y_bar) const& {
  return sweep_back(y_bar, [](std::size_t) {});
}

Tangents Linearization::pull(TangentSpan y_bar) && {
  Tangents x_bar = sweep_back(y_bar, [this](std::size_t e) { equations_[e].residuals.clear(); });
  equations_.clear();
  spent_ = true;
  return x_bar;
}

std::int64_t Linearization::residual_bytes() const {
  std::map<const std::byte*, std::int64_t> blocks;
  for (const Equation& equation : equations_) {
    for (const Var& residual : equation.residuals) {
      std::int64_t& bytes = blocks[residual.tensor().storage()];
      bytes = std::max(bytes, residual.tensor().bytes());
    }
  }
  std::int64_t total = 0;
  for (const auto& [block, bytes] : blocks) total += bytes;
  return total;
}

std::string Linearization::to_string() const {
  const auto names = [this](const std::vector<Slot>& slots) {
    std::string text;
    for (const Slot slot : slots) {
      text += slot == kConstant
                  ? " const"
                  : " v" + std::to_string(slot) + engine::to_string(slots_[static_cast<std::size_t>(slot)].shape);
    }
    return text;
  };
  std::string text;
  for (const Equation& equation : equations_) {
    text +=
        names(equation.outputs).substr(1) + " = " + std::string(equation.op->name()) + names(equation.inputs) + "\n";
  }
  return text;
}

}  // namespace engine
