// Where a fused rule's kernel puts one cotangent: into the sum it is offered, or else into a tensor of its own.
#pragma once

#include <optional>

#include "engine/autodiff/primitive.hpp"

namespace engine {

class Cotangent {
 public:
  Cotangent(const Wanted& wanted, std::size_t input, const Shape& shape, DType dtype) : sum_(wanted.sum(input)) {
    if (sum_ == nullptr) own_ = Tensor::empty(shape, dtype);
  }
  Cotangent(const Wanted& wanted, std::size_t input, const Tensor& like)
      : Cotangent(wanted, input, like.shape(), like.dtype()) {}

  MutableTensor values() { return sum_ != nullptr ? sum_->values : own_->writable(); }  // dense
  bool adds() const noexcept {
    return sum_ != nullptr && !sum_->empty;
  }  // else what `values` held is to be overwritten

  // What the rule returns, once the values are there.
  Tangent result() {
    if (sum_ == nullptr) return Var(*own_);
    sum_->empty = false;
    return std::nullopt;
  }

 private:
  CotangentSum* sum_;
  std::optional<Tensor> own_;
};

}  // namespace engine
