#include "engine/autodiff/linearization.hpp"

#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "engine/autodiff/check_tangent.hpp"
#include "engine/autodiff/trace.hpp"
#include "engine/autodiff/watch.hpp"
#include "engine/tensor/errors.hpp"
#include "engine/tensor/finite.hpp"

namespace engine {
namespace {

void check_sum(const Primitive& op, std::size_t input, const CotangentSum& sum) {
  if (!checks_finite() || sum.empty) return;
  if (const std::optional<std::string> found = first_non_finite(sum.values)) {
    throw NonFiniteError("[" + std::string(op.name()) +
                         "] its pullback made a value that is not finite: the sum of the cotangents of its input " +
                         std::to_string(input) + ", " + describe(sum.values) + ", has " + *found + ".");
  }
}

// The sums one pullback is offered: those the caller keeps, and cotangents collected so far that nobody else reads.
class OfferedSums {
 public:
  OfferedSums(const Wanted& wanted, Tangents& cotangents) : wanted_(wanted), cotangents_(cotangents) {
    taken_.reserve(wanted.size());  // `wanted_` points into it
  }
  const Wanted& wanted() const noexcept { return wanted_; }

  void offer(std::size_t input, CotangentSum* sum) { wanted_.offer(input, sum); }

  void offer_collected(std::size_t input, std::size_t slot) {
    Tangent& collected = cotangents_[slot];
    if (!collected.has_value() || !collected->is_plain()) return;
    Tensor values = collected->tensor();
    collected.reset();
    if (values.is_shared() || !values.is_contiguous()) {
      collected = std::move(values);
      return;
    }
    const MutableTensor target = values.writable();
    taken_.push_back({slot, std::move(values), {target, false}});
    wanted_.offer(input, &taken_.back().sum);
  }

  // Throws if the rule of `op` made a sum that is not finite.
  void check_finite(const Primitive& op) const {
    for (std::size_t input = 0; input < wanted_.size(); ++input) {
      if (const CotangentSum* sum = wanted_.sum(input)) check_sum(op, input, *sum);
    }
  }

  void put_back() {
    for (Taken& taken : taken_) cotangents_[taken.slot] = std::move(taken.values);
  }

 private:
  struct Taken {
    std::size_t slot;
    Tensor values;
    CotangentSum sum;
  };
  Wanted wanted_;
  Tangents& cotangents_;
  std::vector<Taken> taken_;
};

}  // namespace

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
    Evaluation evaluation = evaluate(op, primals, Save::yes);
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
    for (const Var& value : x) {
      require_open("linearize", value);
      followed.push_back(trace.new_slot(value));
    }
    record.inputs_ = x.size();
    for (const Var& y : f(followed)) {
      require_open("linearize", y);
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

void Linearization::check_usable() const {
  if (spent_)
    throw std::logic_error(
        "[linearization] its residuals went with the last pull; record again, or pull without std::move.");
  if (slots_.size() < inputs_) throw std::logic_error("[linearization] it was moved from.");
}

Tangents Linearization::push(TangentSpan x_dot) const {
  check_usable();
  check_count("push", x_dot.size(), inputs_, "input");
  for (std::size_t i = 0; i < inputs_; ++i) check_tangent("push", x_dot[i], slots_[i].shape, slots_[i].dtype, i);
  return push([x_dot](std::size_t input) { return x_dot[input]; });
}

Tangents Linearization::push(const std::function<Tangent(std::size_t input)>& x_dot) const {
  check_usable();
  Tangents tangents(slots_.size());
  std::vector<bool> was_asked(inputs_, false);
  const auto tangent_of = [&](Slot slot) -> Tangent {
    if (slot == kConstant) return std::nullopt;
    const std::size_t at = static_cast<std::size_t>(slot);
    if (at < inputs_ && !was_asked[at]) {
      was_asked[at] = true;
      tangents[at] = x_dot(at);
      check_tangent("push", tangents[at], slots_[at].shape, slots_[at].dtype, at);
    }
    return tangents[at];
  };
  for (const Equation& equation : equations_) {
    Tangents in;
    for (const Slot slot : equation.inputs) in.push_back(tangent_of(slot));
    for (const Slot slot : equation.last_used) tangents[static_cast<std::size_t>(slot)].reset();
    if (!any_present(in)) continue;
    Tangents out = apply_pushforward(equation.op, equation.residuals, in);
    for (std::size_t i = 0; i < out.size(); ++i)
      tangents[static_cast<std::size_t>(equation.outputs[i])] = std::move(out[i]);
  }
  Tangents y_dot;
  for (const Slot slot : outputs_) y_dot.push_back(tangent_of(slot));
  return y_dot;
}

Tangents Linearization::sweep_back(TangentSpan y_bar, std::span<CotangentSum> x_bar,
                                   const std::function<void(std::size_t)>& passed, const Remaining& remaining) const {
  check_usable();
  check_count("pull", y_bar.size(), outputs_.size(), "output");
  Tangents cotangents(slots_.size());
  const auto sum_of = [x_bar](Slot slot) -> CotangentSum* {
    const std::size_t position = static_cast<std::size_t>(slot);
    return slot != kConstant && position < x_bar.size() ? &x_bar[position] : nullptr;
  };
  const auto accumulate = [&](Slot slot, const Tangent& bar) {
    if (slot == kConstant || !bar.has_value()) return;
    if (CotangentSum* sum = sum_of(slot)) return add_to(*sum, bar->tensor());
    Tangent& total = cotangents[static_cast<std::size_t>(slot)];
    total = total.has_value() ? add(*total, *bar) : bar;
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
    const bool present = any_present(out);
    std::optional<Wanted> narrowed;
    if (present && remaining) narrowed = remaining(equation, out);
    const Wanted& wanted = narrowed.has_value() ? *narrowed : equation.wanted;
    if (present && wanted.any()) {
      OfferedSums offered(wanted, cotangents);
      if (all_plain(out)) {
        for (std::size_t i = 0; i < equation.inputs.size(); ++i) {
          const Slot slot = equation.inputs[i];
          const auto end = equation.inputs.begin() + static_cast<std::ptrdiff_t>(i);
          // A rule may read of two sums that they are empty before it writes either, so one sum is offered once.
          if (slot == kConstant || !wanted[i] || std::find(equation.inputs.begin(), end, slot) != end) continue;
          if (CotangentSum* sum = sum_of(slot)) {
            offered.offer(i, sum);
          } else {
            offered.offer_collected(i, static_cast<std::size_t>(slot));
          }
        }
      }
      const Tangents in = apply_pullback(equation.op, equation.residuals, out, offered.wanted());
      offered.check_finite(*equation.op);
      offered.put_back();
      for (std::size_t i = 0; i < in.size(); ++i) {
        accumulate(equation.inputs[i], in[i]);
        if (const CotangentSum* sum = sum_of(equation.inputs[i])) check_sum(*equation.op, i, *sum);
      }
    }
    passed(e);
  }
  cotangents.resize(inputs_);
  return cotangents;
}

Tangents Linearization::pull(TangentSpan y_bar) const& {
  return sweep_back(y_bar, {}, [](std::size_t) {});
}

Tangents Linearization::pull(TangentSpan y_bar) && {
  Tangents x_bar = sweep_back(y_bar, {}, [this](std::size_t e) { spend(e); });
  equations_.clear();
  return x_bar;
}

void Linearization::pull_into(TangentSpan y_bar, std::span<CotangentSum> x_bar) && {
  check_count("pull_into", x_bar.size(), inputs_, "input");
  for (std::size_t i = 0; i < inputs_; ++i) {
    const MutableTensor& values = x_bar[i].values;
    if (values.shape() != slots_[i].shape || values.dtype() != slots_[i].dtype || !values.is_contiguous()) {
      throw ShapeError("[pull_into] needs for input " + std::to_string(i) + " a dense sum " +
                       std::string(engine::to_string(slots_[i].dtype)) + " " + engine::to_string(slots_[i].shape) +
                       "; got " + describe(values) + (values.is_contiguous() ? "." : ", not dense."));
    }
  }
  require_plain("pull_into", y_bar);
  sweep_back(y_bar, x_bar, [this](std::size_t e) { spend(e); });
  equations_.clear();
}

void Linearization::require_plain(std::string_view where, TangentSpan y_bar) const {
  bool plain = all_plain(y_bar);
  for (const Equation& equation : equations_) plain = plain && all_plain(equation.residuals);
  if (!plain) {
    throw std::logic_error("[" + std::string(where) +
                           "] cannot add followed values; use pull inside another transform.");
  }
}

std::vector<std::vector<OuterSum>> Linearization::sweep_back_unsummed(
    TangentSpan y_bar, const std::function<void(std::size_t)>& passed) const {
  require_plain("pull_unsummed", y_bar);
  // Which input of f a slot holds, as it is or rearranged.
  std::vector<Slot> weight(slots_.size(), kConstant);
  for (std::size_t i = 0; i < inputs_; ++i) weight[i] = static_cast<Slot>(i);
  for (const Equation& equation : equations_) {
    if (!equation.op->is_rearrangement()) continue;
    weight[static_cast<std::size_t>(equation.outputs[0])] = weight[static_cast<std::size_t>(equation.inputs[0])];
  }
  const auto is_weight = [&](Slot slot) {
    return slot != kConstant && weight[static_cast<std::size_t>(slot)] != kConstant;
  };
  if (std::ranges::any_of(outputs_, is_weight))
    throw std::logic_error("[pull_unsummed] needs each input of f to be a weight of rows; one is an output.");
  std::vector<std::vector<OuterSum>> sums(inputs_);
  std::vector<Slot> used_as(inputs_, kConstant);
  sweep_back(y_bar, {}, passed, [&](const Equation& equation, TangentSpan out) {
    Wanted remaining(equation.inputs.size());
    Wanted unsummed(equation.inputs.size());
    for (std::size_t i = 0; i < equation.inputs.size(); ++i) {
      if (equation.wanted[i]) (is_weight(equation.inputs[i]) ? unsummed : remaining).set(i);
    }
    if (!unsummed.any()) return remaining;
    const Watch watch(*equation.op, Rule::pull);
    OuterSums found = equation.op->pullback_unsummed(equation.residuals, out, unsummed);
    for (std::size_t i = 0; i < equation.inputs.size(); ++i) {
      if (!unsummed[i]) continue;
      const Slot slot = equation.inputs[i];
      const std::size_t input = static_cast<std::size_t>(weight[static_cast<std::size_t>(slot)]);
      if (!found[i].has_value() || (used_as[input] != kConstant && used_as[input] != slot)) {
        throw std::logic_error(
            "[pull_unsummed] needs each input of f to be a weight of rows, in one arrangement; input " +
            std::to_string(input) + " is used otherwise, by " + std::string(equation.op->name()) + ".");
      }
      used_as[input] = slot;
      sums[input].push_back(std::move(*found[i]));
    }
    return remaining;
  });
  return sums;
}

std::vector<std::vector<OuterSum>> Linearization::pull_unsummed(TangentSpan y_bar) const& {
  return sweep_back_unsummed(y_bar, [](std::size_t) {});
}

std::vector<std::vector<OuterSum>> Linearization::pull_unsummed(TangentSpan y_bar) && {
  std::vector<std::vector<OuterSum>> sums = sweep_back_unsummed(y_bar, [this](std::size_t e) { spend(e); });
  equations_.clear();
  return sums;
}

void Linearization::spend(std::size_t e) {
  spent_ = true;
  equations_[e].residuals.clear();
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
