// Plain products by either library, for benchmarks: the rate at which this processor multiplies is what a training step
// is measured against.
#pragma once

#include <string_view>

#include "engine/tensor/tensor.hpp"

namespace engine {

enum class ProductLibrary { onednn, openblas };

// out = a b on the calling thread; a [M, K], b [K, N], out [M, N], all dense f32, whatever the precision chosen. Throws
// ShapeError otherwise.
void plain_product(ProductLibrary library, const Tensor& a, const Tensor& b, Tensor& out);

}  // namespace engine
