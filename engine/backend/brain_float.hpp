// Tensors rounded to bf16 (engine/tensor/brain_float.hpp).                                  PRIVATE to engine.
#pragma once

#include <cstdint>

#include "engine/tensor/tensor.hpp"

namespace engine::backend {

// A stack of matrices rounded to bf16. Extents are those of `x`, strides may differ.
struct BrainFloats {
  Storage bits;
  View view;
};
BrainFloats round_to_bf16(const Tensor& x);  // f32, rank at least 2, rows or columns contiguous

// The rounded values as f32, dense.
Tensor values_in_bf16(const Tensor& x);

}  // namespace engine::backend
