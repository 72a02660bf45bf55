// Tensors laid end to end along one axis.
#include <algorithm>

#include "engine/backend/element_type.hpp"
#include "engine/backend/kernels.hpp"

namespace engine::backend {

Tensor concat(std::span<const Tensor> parts, int axis) {
  std::int64_t extent = 0;
  for (const Tensor& part : parts) extent += part.shape()[axis];
  Tensor result = Tensor::empty(parts[0].shape().with(axis, extent), parts[0].dtype());
  with_float_type(result.dtype(), [&]<class T>() {
    // Seen from the axis, a dense tensor is `outer` blocks; each part fills a stretch of every block.
    std::int64_t inner = 1;
    for (int i = axis + 1; i < result.shape().rank(); ++i) inner *= result.shape()[i];
    const std::int64_t block = extent * inner;
    const std::int64_t outer = block == 0 ? 0 : result.numel() / block;
    T* out = result.writable().data<T>();
    for (const Tensor& part : parts) {
      const Tensor dense = part.contiguous();
      const std::int64_t stretch = part.shape()[axis] * inner;
      for (std::int64_t i = 0; i < outer; ++i) std::copy_n(dense.data<T>() + i * stretch, stretch, out + i * block);
      out += stretch;
    }
  });
  return result;
}

}  // namespace engine::backend
