#include "engine/autodiff/trace.hpp"

#include <algorithm>
#include <atomic>
#include <string>

#include "engine/tensor/errors.hpp"

namespace engine {
namespace {

thread_local std::vector<Trace*> open_traces;

Trace& trace_of(const Tracer& tracer, std::string_view where) {
  const std::size_t level = static_cast<std::size_t>(tracer.level);
  if (level >= open_traces.size() || open_traces[level]->id() != tracer.trace) {
    throw EscapeError("[" + std::string(where) +
                      "] a traced value escaped its transform: " + describe(tracer.primal.tensor()) +
                      " was made inside a transform that has ended, or runs on another thread.");
  }
  return *open_traces[level];
}

}  // namespace

Trace::Trace() : level_(static_cast<int>(open_traces.size())) {
  static std::atomic<std::uint64_t> next_id{1};
  id_ = next_id.fetch_add(1, std::memory_order_relaxed);
  open_traces.push_back(this);
}

Trace::~Trace() { open_traces.pop_back(); }

const Tracer* Trace::own(const Var& x) const noexcept {
  return !x.is_plain() && x.tracer()->trace == id_ ? x.tracer() : nullptr;
}

Var Trace::lower(const Var& x) const {
  const Tracer* tracer = own(x);
  return tracer != nullptr ? tracer->primal : x;
}

Var follow(const Trace& trace, Var primal, Tangents tangents, std::int64_t slot) {
  Tensor value = primal.tensor();
  return {std::move(value), std::make_shared<const Tracer>(
                                Tracer{trace.id(), trace.level(), std::move(primal), std::move(tangents), slot})};
}

void require_open(std::string_view where, const Var& x) {
  if (!x.is_plain()) trace_of(*x.tracer(), where);
}

bool all_plain(VarSpan x) noexcept { return std::ranges::all_of(x, &Var::is_plain); }
bool all_plain(TangentSpan x) noexcept {
  return std::ranges::all_of(x, [](const Tangent& t) { return !t.has_value() || t->is_plain(); });
}
bool any_present(TangentSpan x) noexcept { return std::ranges::any_of(x, &Tangent::has_value); }

Vars dispatch(const Op& op, VarSpan x) {
  Trace* innermost = nullptr;
  for (const Var& value : x) {
    if (value.is_plain()) continue;
    Trace& trace = trace_of(*value.tracer(), op->name());
    if (innermost == nullptr || trace.level() > innermost->level()) innermost = &trace;
  }
  return innermost != nullptr ? innermost->process(op, x) : evaluate(op, x, Save::no).outputs;
}

Var call(const Op& op, std::initializer_list<Var> x) { return dispatch(op, std::span(x.begin(), x.size())).front(); }

}  // namespace engine
