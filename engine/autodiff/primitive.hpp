// Primitive: an op with its three rules side by side.
//
// Contract, tested by check_rules for every op:
//  1. forward is pure; with Save::no nothing is kept for the linear rules.
//  2. pushforward and pullback are linear in their second argument and exact transposes of each other.
//  3. An absent tangent is an exact zero; at least one is present.
//  4. pullback returns nullopt where !wanted[i], and where it has added the cotangent to a sum that `wanted` offers.
//  5. Rules never write into their arguments.
//  6. An elementary op writes its rules in ops, so that they can be differentiated again. A fused op may call kernels
//     directly; it is given plain values only, and `decompose`, the same function in elementary ops, stands in for it
//     elsewhere. It has one output.
#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/autodiff/var.hpp"

namespace engine {

struct Evaluation {
  Vars outputs;
  Vars residuals;  // what both linear rules share
};

enum class Save : bool { no, yes };

// A sum of cotangents in the making: what comes next is written if it is empty yet, and added if it is not.
struct CotangentSum {
  MutableTensor values;
  bool empty = true;
};

// Puts or adds x into the sum. Defined in engine/ops/arithmetic.cpp.
void add_to(CotangentSum& sum, const Tensor& x);

// Which inputs' cotangents a pullback is to compute. It may also offer the sum to which one is going to be added anyway: a
// fused rule whose kernel can add takes it, which spares a pass over memory (of all weights, for a shard's gradient).
class Wanted {
 public:
  explicit Wanted(std::size_t inputs, bool all = false) : bits_(inputs, all), sums_(inputs) {}
  void set(std::size_t input) { bits_[input] = true; }
  bool operator[](std::size_t input) const { return bits_[input]; }
  bool any() const { return std::ranges::find(bits_, true) != bits_.end(); }
  std::size_t size() const noexcept { return bits_.size(); }
  void offer(std::size_t input, CotangentSum* sum) { sums_[input] = sum; }
  CotangentSum* sum(std::size_t input) const { return sums_[input]; }  // null if none is offered

 private:
  std::vector<bool> bits_;
  std::vector<CotangentSum*> sums_;
};

// The cotangent of a weight before it is summed over the rows that share the weight (the tokens of all examples, the first
// example's first):   x̄ = Σ_r left_r ⊗ right_r
struct OuterSum {
  Tensor left;                  // [R, O]
  std::optional<Tensor> right;  // [R, I]; none: x̄ = Σ_r left_r
};
using OuterSums = std::vector<std::optional<OuterSum>>;

class Primitive : public std::enable_shared_from_this<Primitive> {
 public:
  virtual ~Primitive() = default;
  virtual std::string_view name() const noexcept = 0;
  virtual Evaluation forward(VarSpan x, Save save) const = 0;                               // y = f(x), r
  virtual Tangents pushforward(VarSpan r, TangentSpan x_dot) const = 0;                     // ẏ = J(r) ẋ
  virtual Tangents pullback(VarSpan r, TangentSpan y_bar, const Wanted& wanted) const = 0;  // x̄ = J(r)ᵀ ȳ
  // What pullback sums up, for plain values: one entry per input, nothing where !wanted[i] or where the cotangent is not such a
  // sum.
  virtual OuterSums pullback_unsummed(VarSpan r, TangentSpan y_bar, const Wanted& wanted) const;
  // y is the one input with its elements in another order or shape, so both rules keep inner products.
  virtual bool is_rearrangement() const noexcept { return false; }
  virtual bool is_fused() const noexcept { return false; }
  virtual Vars decompose(VarSpan x) const;  // fused ops only
};

using Op = std::shared_ptr<const Primitive>;

// y = op(x): by the innermost transform that follows one of the x, or else by the kernel.
Vars dispatch(const Op& op, VarSpan x);
Var call(const Op& op, std::initializer_list<Var> x);  // for ops with one output

// The three rules as the transforms call them. A fused op's kernels cannot see a traced tangent, so its linear rule then
// becomes an op of its own.
Evaluation evaluate(const Op& op, VarSpan x, Save save);
Tangents apply_pushforward(const Op& op, VarSpan r, TangentSpan x_dot);
Tangents apply_pullback(const Op& op, VarSpan r, TangentSpan y_bar, const Wanted& wanted);

}  // namespace engine
