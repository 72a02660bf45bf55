#include "engine/backend/brain_float.hpp"

#include <bit>
#include <utility>

#include "engine/tensor/walk.hpp"

namespace engine::backend {
namespace {

std::uint16_t rounded(float x) noexcept {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t to_even = 0x7FFF + ((bits >> 16) & 1);
  const bool is_nan = (bits & 0x7FFFFFFF) > 0x7F800000;
  return static_cast<std::uint16_t>((is_nan ? bits | 0x400000 : bits + to_even) >> 16);
}

}  // namespace

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
      for (std::int64_t i = 0; i < count; ++i) out[i] = rounded(row[i]);
    } else {
      for (std::int64_t i = 0; i < count; ++i) out[i] = rounded(row[i * step]);
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
  for (std::int64_t i = 0; i < result.numel(); ++i) {
    values[i] = std::bit_cast<float>(std::uint32_t{rounded(values[i])} << 16);
  }
  return result;
}

}  // namespace engine::backend
