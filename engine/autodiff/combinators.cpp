#include "engine/autodiff/combinators.hpp"

namespace engine {
namespace {

// The kernel on plain tensors; for followed values the op hands itself on to their transform.
Var evaluate(const Primitive& op, const Kernel& kernel, VarSpan x) {
  if (!all_plain(x)) return dispatch(op.shared_from_this(), x).front();
  std::vector<Tensor> tensors;
  for (const Var& input : x) tensors.push_back(input.tensor());
  return kernel(tensors);
}

class LinearOp final : public Primitive {
 public:
  LinearOp(std::string name, Kernel apply, Map transpose, LinearTraits traits)
      : name_(std::move(name)), apply_(std::move(apply)), transpose_(std::move(transpose)), traits_(traits) {}

  std::string_view name() const noexcept override { return name_; }
  Evaluation forward(VarSpan x, Save) const override { return {{evaluate(*this, apply_, x)}, {}}; }
  Tangents pushforward(VarSpan, TangentSpan x_dot) const override { return {evaluate(*this, apply_, Vars{*x_dot[0]})}; }
  Tangents pullback(VarSpan, TangentSpan y_bar, const Wanted&) const override { return {transpose_(*y_bar[0])}; }
  OuterSums pullback_unsummed(VarSpan, TangentSpan y_bar, const Wanted&) const override {
    if (traits_.repeats == 0) return OuterSums(1);
    const Tensor dense = y_bar[0]->tensor().contiguous();
    return {OuterSum{dense.reshape({dense.numel() / traits_.repeats, traits_.repeats}), std::nullopt}};
  }
  bool is_rearrangement() const noexcept override { return traits_.rearranges; }

 private:
  std::string name_;
  Kernel apply_;
  Map transpose_;
  LinearTraits traits_;
};

class BilinearOp final : public Primitive {
 public:
  BilinearOp(std::string name, Kernel apply, BinaryMap pull_left, BinaryMap pull_right)
      : name_(std::move(name)),
        apply_(std::move(apply)),
        pull_left_(std::move(pull_left)),
        pull_right_(std::move(pull_right)) {}

  std::string_view name() const noexcept override { return name_; }
  Evaluation forward(VarSpan x, Save save) const override {
    return {{evaluate(*this, apply_, x)}, save == Save::yes ? Vars{x[0], x[1]} : Vars{}};
  }
  Tangents pushforward(VarSpan r, TangentSpan x_dot) const override {
    Tangent sum;
    if (x_dot[0].has_value()) sum = evaluate(*this, apply_, Vars{*x_dot[0], r[1]});
    if (x_dot[1].has_value()) {
      const Var right = evaluate(*this, apply_, Vars{r[0], *x_dot[1]});
      sum = sum.has_value() ? add(*sum, right) : right;
    }
    return {sum};
  }
  Tangents pullback(VarSpan r, TangentSpan y_bar, const Wanted& wanted) const override {
    Tangents x_bar(2);
    if (wanted[0]) x_bar[0] = pull_left_(*y_bar[0], r[1]);
    if (wanted[1]) x_bar[1] = pull_right_(*y_bar[0], r[0]);
    return x_bar;
  }

 private:
  std::string name_;
  Kernel apply_;
  BinaryMap pull_left_;
  BinaryMap pull_right_;
};

class DiagonalOp final : public Primitive {
 public:
  DiagonalOp(std::string name, Kernel apply, BinaryMap derivative)
      : name_(std::move(name)), apply_(std::move(apply)), derivative_(std::move(derivative)) {}

  std::string_view name() const noexcept override { return name_; }
  Evaluation forward(VarSpan x, Save save) const override {
    const Var y = evaluate(*this, apply_, x);
    return {{y}, save == Save::yes ? Vars{derivative_(x[0], y)} : Vars{}};
  }
  Tangents pushforward(VarSpan r, TangentSpan x_dot) const override { return {mul(r[0], *x_dot[0])}; }
  Tangents pullback(VarSpan r, TangentSpan y_bar, const Wanted&) const override { return {mul(r[0], *y_bar[0])}; }

 private:
  std::string name_;
  Kernel apply_;
  BinaryMap derivative_;
};

}  // namespace

Op linear_op(std::string name, Kernel apply, Map transpose, LinearTraits traits) {
  return std::make_shared<const LinearOp>(std::move(name), std::move(apply), std::move(transpose), traits);
}

Op bilinear_op(std::string name, Kernel apply, BinaryMap pull_left, BinaryMap pull_right) {
  return std::make_shared<const BilinearOp>(std::move(name), std::move(apply), std::move(pull_left),
                                            std::move(pull_right));
}

Op diagonal_op(std::string name, Kernel apply, BinaryMap derivative) {
  return std::make_shared<const DiagonalOp>(std::move(name), std::move(apply), std::move(derivative));
}

}  // namespace engine
