// Many small products at once, as in attention over a few tokens: out [..., M, N] (+)= a [..., M, K] b [..., K, N],
// f32, any strides. oneDNN spends some 2 µs on each matrix of a batch, as much as a 17 x 32 x 17 product takes.
#pragma once

#include "engine/tensor/tensor.hpp"

namespace engine::backend {

bool is_small_matmul(const Tensor& a, const Tensor& b, const MutableTensor& out) noexcept;
void small_matmul(const Tensor& a, const Tensor& b, const MutableTensor& out, bool accumulate);

}  // namespace engine::backend
