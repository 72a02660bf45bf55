#include "engine/backend/small_matmul.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "engine/tensor/walk.hpp"

namespace engine::backend {
namespace {

constexpr std::int64_t kLargest = 32;  // of M, N and K; beyond it oneDNN's better blocking wins
constexpr std::int64_t kLanes = 16;
constexpr std::int64_t kBlock = 2 * kLanes;  // columns computed at once
constexpr std::int64_t kRows = 6;            // rows computed at once: 12 sums in registers

using Lanes [[gnu::vector_size(kLanes * sizeof(float))]] = float;

Lanes load(const float* x) noexcept {
  Lanes lanes;
  std::memcpy(&lanes, x, sizeof(lanes));
  return lanes;
}

// The first `width` of 32 sums.
void store(Lanes low, Lanes high, float* out, std::int64_t width, bool accumulate) noexcept {
  if (width == kBlock) {
    if (accumulate) {
      low += load(out);
      high += load(out + kLanes);
    }
    std::memcpy(out, &low, sizeof(low));
    std::memcpy(out + kLanes, &high, sizeof(high));
    return;
  }
  float row[kBlock];
  std::memcpy(row, &low, sizeof(low));
  std::memcpy(row + kLanes, &high, sizeof(high));
  for (std::int64_t j = 0; j < width; ++j) out[j] = accumulate ? out[j] + row[j] : row[j];
}

struct Matrix {
  const float* data;
  std::int64_t row_stride;
  std::int64_t column_stride;
};

// b [K, N] as blocks of 32 columns, each block [K, 32] dense. The columns that fill up the last block are zero already.
void pack(const Matrix& b, std::int64_t K, std::int64_t N, float* packed) {
  for (std::int64_t begin = 0; begin < N; begin += kBlock) {
    const std::int64_t width = std::min(kBlock, N - begin);
    const float* source = b.data + begin * b.column_stride;
    if (b.column_stride == 1) {
      for (std::int64_t k = 0; k < K; ++k) {
#pragma omp simd
        for (std::int64_t j = 0; j < width; ++j) packed[k * kBlock + j] = source[k * b.row_stride + j];
      }
    } else {
      for (std::int64_t j = 0; j < width; ++j) {
        for (std::int64_t k = 0; k < K; ++k) packed[k * kBlock + j] = source[k * b.row_stride + j * b.column_stride];
      }
    }
    packed += K * kBlock;
  }
}

// R rows of a times one packed block.
template <int R>
void multiply_rows(const Matrix& a, std::int64_t K, const float* packed, float* out, std::int64_t out_stride,
                   std::int64_t width, bool accumulate) {
  Lanes low[R] = {};
  Lanes high[R] = {};
  for (std::int64_t k = 0; k < K; ++k) {
    const Lanes left = load(packed + k * kBlock);
    const Lanes right = load(packed + k * kBlock + kLanes);
    const float* column = a.data + k * a.column_stride;
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const float factor = column[r * a.row_stride];
      low[r] += factor * left;
      high[r] += factor * right;
    }
  }
  for (int r = 0; r < R; ++r) store(low[r], high[r], out + r * out_stride, width, accumulate);
}

void multiply_block(Matrix a, std::int64_t M, std::int64_t K, const float* packed, float* out, std::int64_t out_stride,
                    std::int64_t width, bool accumulate) {
  std::int64_t row = 0;
  for (; row + kRows <= M; row += kRows) {
    multiply_rows<kRows>(a, K, packed, out, out_stride, width, accumulate);
    a.data += kRows * a.row_stride;
    out += kRows * out_stride;
  }
  switch (M - row) {
    case 5:
      return multiply_rows<5>(a, K, packed, out, out_stride, width, accumulate);
    case 4:
      return multiply_rows<4>(a, K, packed, out, out_stride, width, accumulate);
    case 3:
      return multiply_rows<3>(a, K, packed, out, out_stride, width, accumulate);
    case 2:
      return multiply_rows<2>(a, K, packed, out, out_stride, width, accumulate);
    case 1:
      return multiply_rows<1>(a, K, packed, out, out_stride, width, accumulate);
    default:
      return;
  }
}

template <class AnyTensor>
View leading_axes(const AnyTensor& x, const Shape& batch) {
  View view{batch, {}, 0};
  for (int axis = 0; axis < batch.rank(); ++axis) {
    view.strides[static_cast<std::size_t>(axis)] = x.shape()[axis] == 1 ? 0 : x.stride(axis);
  }
  return view;
}

}  // namespace

bool is_small_matmul(const Tensor& a, const Tensor& b, const MutableTensor& out) noexcept {
  return a.dtype() == DType::f32 && out.shape().rank() > 2 && out.stride(-1) == 1 &&
         std::max({a.shape()[-2], a.shape()[-1], b.shape()[-1]}) <= kLargest;
}

void small_matmul(const Tensor& a, const Tensor& b, const MutableTensor& out, bool accumulate) {
  const std::int64_t M = a.shape()[-2];
  const std::int64_t K = a.shape()[-1];
  const std::int64_t N = b.shape()[-1];
  const Shape batch(out.shape().extents().first(static_cast<std::size_t>(out.shape().rank() - 2)));
  const View a_view = leading_axes(a, batch);
  const View b_view = leading_axes(b, batch);
  const View out_view = leading_axes(out, batch);
  alignas(64) std::array<float, kLargest * kLargest> packed{};
  for_each_row<3, View>(batch, {&a_view, &b_view, &out_view}, [&](const std::array<Run, 3>& runs, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) {
      const Matrix left{a.data<float>() + runs[0].offset + i * runs[0].stride, a.stride(-2), a.stride(-1)};
      const Matrix right{b.data<float>() + runs[1].offset + i * runs[1].stride, b.stride(-2), b.stride(-1)};
      float* product = out.data<float>() + runs[2].offset + i * runs[2].stride;
      pack(right, K, N, packed.data());
      for (std::int64_t begin = 0; begin < N; begin += kBlock) {
        multiply_block(left, M, K, packed.data() + begin * K, product + begin, out.stride(-2),
                       std::min(kBlock, N - begin), accumulate);
      }
    }
  });
}

}  // namespace engine::backend
