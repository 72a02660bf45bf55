// Most ops never write a class: they are linear, bilinear or diagonal, and their three rules follow from one kernel and
// a transpose.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "engine/autodiff/primitive.hpp"

namespace engine {

using Kernel = std::function<Tensor(std::span<const Tensor>)>;
using Map = std::function<Var(const Var&)>;
using BinaryMap = std::function<Var(const Var&, const Var&)>;

// What is known of a linear map beyond its linearity.
struct LinearTraits {
  bool rearranges = false;   // Primitive::is_rearrangement
  std::int64_t repeats = 0;  // y is x, of so many elements, again and again; 0: it is not
};

// y = A x.          push: A ẋ.           pull: transpose(ȳ) = Aᵀ ȳ.
Op linear_op(std::string name, Kernel apply, Map transpose, LinearTraits traits = {});

// y = B(a, b), linear in each.   push: B(ȧ, b) + B(a, ḃ).   pull: ā = pull_left(ȳ, b), b̄ = pull_right(ȳ, a).
Op bilinear_op(std::string name, Kernel apply, BinaryMap pull_left, BinaryMap pull_right);

// y_i = g(x_i).     d = derivative(x, y).   push: d ⊙ ẋ.   pull: d ⊙ ȳ.
Op diagonal_op(std::string name, Kernel apply, BinaryMap derivative);

}  // namespace engine
