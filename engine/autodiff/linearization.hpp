// Linearization: f recorded at one point, as the value f(x) and the linear map J = ∂f/∂x there, kept as a list of
// equations (op, residuals, slots). Walking the list forwards pushes a tangent, walking it backwards pulls a cotangent;
// neither consumes it.
//
// The tangent model f(x; θ0) + J(x; θ0)·τ is a push of one recording, and its gradient with respect to τ is a pull of
// the same one.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/autodiff/primitive.hpp"
#include "engine/autodiff/var.hpp"

namespace engine {

using Function = std::function<Vars(VarSpan)>;

class Linearization {
 public:
  VarSpan primals() const noexcept { return primals_; }  // f(x)

  // J·v. One tangent per input of f, absent ones are zero; one per output comes back, absent where it is exactly zero.
  // Throws ShapeError or DTypeError if a tangent does not match its input, std::logic_error after the last pull.
  Tangents push(TangentSpan x_dot) const;

  // The same with tangents that are made when the sweep comes to their input, and let go after its last use: a direction as
  // large as all weights then needs no memory of that size. x_dot(i) is asked for once, and not at all where no op uses
  // input i.
  Tangents push(const std::function<Tangent(std::size_t input)>& x_dot) const;

  // Jᵀ·u. One cotangent per output of f; one per input comes back.
  Tangents pull(TangentSpan y_bar) const&;
  Tangents pull(TangentSpan y_bar) &&;  // the last use: frees each residual as the sweep passes it

  // The last use, written or added to sums the caller keeps, one per input: a gradient need not be gathered afterwards.
  // Throws ShapeError if a sum is not dense or does not match its input, and std::logic_error for a recording inside another transform:
  // the rules must see plain values only.
  void pull_into(TangentSpan y_bar, std::span<CotangentSum> x_bar) &&;

  // Jᵀ·u with the sums over rows left to the caller, for f whose inputs are weights that all rows of a batch share: per-example
  // gradients, their norms and inner products, and Kronecker factors are made of it. For each input of f, one sum for each
  // time it is used, all of the input as it is or all of one rearrangement of it. Throws std::logic_error naming the op if
  // an input is used otherwise, and for a recording inside another transform.
  std::vector<std::vector<OuterSum>> pull_unsummed(TangentSpan y_bar) const&;
  std::vector<std::vector<OuterSum>> pull_unsummed(TangentSpan y_bar) &&;  // the last use

  std::int64_t residual_bytes() const;  // storage held by the residuals, each block counted once
  std::string to_string() const;        // one line per equation, for people

 private:
  friend class RecordTrace;
  friend Linearization linearize(const Function& f, VarSpan x);
  using Slot = std::int64_t;
  static constexpr Slot kConstant = -1;  // not differentiated

  struct Equation {
    Op op;
    Vars residuals;
    std::vector<Slot> inputs;
    std::vector<Slot> outputs;
    std::vector<Slot> last_used;  // slots that no later equation reads and no output is
    Wanted wanted{0};
  };
  struct Kind {
    Shape shape;
    DType dtype;
  };

  void check_usable() const;
  // Tells which cotangents of an equation's inputs the sweep still has to compute, given those of its outputs.
  using Remaining = std::function<Wanted(const Equation&, TangentSpan y_bar)>;
  Tangents sweep_back(TangentSpan y_bar, std::span<CotangentSum> x_bar, const std::function<void(std::size_t)>& passed,
                      const Remaining& remaining = nullptr) const;
  std::vector<std::vector<OuterSum>> sweep_back_unsummed(TangentSpan y_bar,
                                                         const std::function<void(std::size_t)>& passed) const;
  void require_plain(std::string_view where, TangentSpan y_bar) const;
  void spend(std::size_t equation);  // lets go of its residuals

  std::vector<Equation> equations_;
  Vars primals_;
  std::vector<Slot> outputs_;
  std::vector<Kind> slots_;  // of every followed value; the inputs of f come first
  std::size_t inputs_ = 0;
  bool spent_ = false;  // by the last pull
};

// Records f at x. x may itself be followed by outer transforms.
Linearization linearize(const Function& f, VarSpan x);

}  // namespace engine
