#include "engine/backend/brain_float.hpp"

#include <utility>

#include "engine/tensor/brain_float.hpp"
#include "engine/tensor/walk.hpp"

namespace engine::backend {

BrainFloats round_to_bf16(const Tensor& x) {
  // Columns that are contiguous stay columns, since transposing costs more than rounding.
  const int last = x.shape().rank() - 1;
  const bool by_columns = x.stride(last) != 1 && x.stride(last - 1) == 1;
  View from = x.view();
  if (by_columns) {
    from.shape = from.shape.with(last, x.shape()[last - 1]).with(last - 1, x.shape()[last]);
    std::swap(from.strides[static_cast<std::size_t>(last)], from.strides[static_cast<std::size_t>(last - 1)]);
  }
  BrainFloats result{acquire(x.numel() * static_cast<std::int64_t>(sizeof(std::uint16_t))), View::dense(from.shape)};
  std::uint16_t* out = reinterpret_cast<std::uint16_t*>(result.bits.get());
  const float* const in = x.data<float>();
  from.offset = 0;  // data() is the first element
  for_each_row<1, View>(from.shape, {&from}, [&](const std::array<Run, 1>& runs, std::int64_t count) {
    const float* const row = in + runs[0].offset;
    const std::int64_t step = runs[0].stride;
    if (step == 1) {
      for (std::int64_t i = 0; i < count; ++i) out[i] = bf16_of_float(row[i]);
    } else {
      for (std::int64_t i = 0; i < count; ++i) out[i] = bf16_of_float(row[i * step]);
    }
    out += count;
  });
  if (by_columns) {
    View& view = result.view;
    view.shape = x.shape();
    std::swap(view.strides[static_cast<std::size_t>(last)], view.strides[static_cast<std::size_t>(last - 1)]);
  }
  return result;
}

Tensor values_in_bf16(const Tensor& x) {
  Tensor result = x.clone();
  float* const values = result.writable().data<float>();
  for (std::int64_t i = 0; i < result.numel(); ++i) values[i] = float_of_bf16(bf16_of_float(values[i]));
  return result;
}

}  // namespace engine::backend
