// The transforms built on the two sweeps. They nest in any order.
#pragma once

#include <span>
#include <utility>

#include "engine/autodiff/linearization.hpp"

namespace engine {

struct Dual {
  Var primal;
  Tangents tangents;  // one per direction; k tangents share one primal
};

// f(x) and J·v for each direction v, streamed: every op runs once on the primals and its residuals are dropped at once,
// so the memory is that of a few layers. Agrees bit for bit with linearize(f, x).push(v). One Dual per output of f.
std::vector<Dual> jvp(const Function& f, VarSpan x, std::span<const Tangents> directions);

// f(x) and Jᵀ·u.
std::pair<Vars, Tangents> vjp(const Function& f, VarSpan x, TangentSpan y_bar);

// x ↦ ∇f(x), one output per input, for f with one output of one element (throws ShapeError otherwise).
Function grad(Function f);

// ∇²f(x)·v, forward over reverse.
Tangents hvp(const Function& f, VarSpan x, TangentSpan v);

}  // namespace engine
