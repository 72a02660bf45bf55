// Var: what ops take and return. Either a plain tensor, or a value that a transform (autodiff/transforms.hpp) is
// following.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/tensor/tensor.hpp"

namespace engine {

struct Tracer;  // autodiff/trace.hpp

class Var {
 public:
  Var(Tensor value) : value_(std::move(value)) {}  // NOLINT: implicit, so that constants need no syntax
  Var(Tensor value, std::shared_ptr<const Tracer> tracer) : value_(std::move(value)), tracer_(std::move(tracer)) {}

  const Tensor& tensor() const noexcept { return value_; }  // the innermost primal value
  const Shape& shape() const noexcept { return value_.shape(); }
  DType dtype() const noexcept { return value_.dtype(); }
  bool is_plain() const noexcept { return tracer_ == nullptr; }
  const Tracer* tracer() const noexcept { return tracer_.get(); }

 private:
  Tensor value_;
  std::shared_ptr<const Tracer> tracer_;  // null for a plain value
};

// A list that is handed over. Its [] is checked, since a function and whoever gives it its inputs are written in two places.
template <class T>
class ListSpan : public std::span<const T> {
 public:
  using std::span<const T>::span;
  ListSpan(std::span<const T> list) : std::span<const T>(list) {}  // NOLINT: what it is, checked
  const T& operator[](std::size_t i) const {                       // throws std::out_of_range
    if (i >= this->size()) refuse(i);
    return std::span<const T>::operator[](i);
  }

 private:
  [[noreturn]] void refuse(std::size_t i) const {
    throw std::out_of_range("[list] has " + std::to_string(this->size()) + " elements; number " + std::to_string(i) +
                            " was asked for, where the first is 0.");
  }
};

using Tangent = std::optional<Var>;  // a tangent or a cotangent; nullopt is an exact zero that costs nothing
using Vars = std::vector<Var>;
using VarSpan = ListSpan<Var>;
using Tangents = std::vector<Tangent>;
using TangentSpan = ListSpan<Tangent>;

bool all_plain(VarSpan x) noexcept;
bool all_plain(TangentSpan x) noexcept;  // an absent one is plain
bool any_present(TangentSpan x) noexcept;

// The two ops the core itself needs, to sum cotangents and to apply a diagonal. Defined in engine/ops/arithmetic.cpp.
Var add(const Var& a, const Var& b);
Var mul(const Var& a, const Var& b);

}  // namespace engine
