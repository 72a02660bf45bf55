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

// Up to 32 columns of b, begun at `begin`, as a dense [K, 32]. Columns beyond the last are left as they are: zero.
void pack(const Matrix& b, std::int64_t K, std::int64_t begin, std::int64_t width, float* packed) {
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
}

// R rows of a times one block of 32 columns, whose rows are `block_stride` apart.
template <int R>
void multiply_rows(const Matrix& a, std::int64_t K, const float* block, std::int64_t block_stride, float* out,
                   std::int64_t out_stride, std::int64_t width, bool accumulate) {
  Lanes low[R] = {};
  Lanes high[R] = {};
  for (std::int64_t k = 0; k < K; ++k) {
    const Lanes left = load(block + k * block_stride);
    const Lanes right = load(block + k * block_stride + kLanes);
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

void multiply_block(Matrix a, std::int64_t M, std::int64_t K, const float* block, std::int64_t block_stride, float* out,
                    std::int64_t out_stride, std::int64_t width, bool accumulate) {
  std::int64_t row = 0;
  for (; row + kRows <= M; row += kRows) {
    multiply_rows<kRows>(a, K, block, block_stride, out, out_stride, width, accumulate);
    a.data += kRows * a.row_stride;
    out += kRows * out_stride;
  }
  switch (M - row) {
    case 5:
      return multiply_rows<5>(a, K, block, block_stride, out, out_stride, width, accumulate);
    case 4:
      return multiply_rows<4>(a, K, block, block_stride, out, out_stride, width, accumulate);
    case 3:
      return multiply_rows<3>(a, K, block, block_stride, out, out_stride, width, accumulate);
    case 2:
      return multiply_rows<2>(a, K, block, block_stride, out, out_stride, width, accumulate);
    case 1:
      return multiply_rows<1>(a, K, block, block_stride, out, out_stride, width, accumulate);
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
  alignas(64) std::array<float, kLargest * kBlock> packed{};
  for_each_row<3, View>(batch, {&a_view, &b_view, &out_view}, [&](const std::array<Run, 3>& runs, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) {
      const Matrix left{a.data<float>() + runs[0].offset + i * runs[0].stride, a.stride(-2), a.stride(-1)};
      const Matrix right{b.data<float>() + runs[1].offset + i * runs[1].stride, b.stride(-2), b.stride(-1)};
      float* product = out.data<float>() + runs[2].offset + i * runs[2].stride;
      for (std::int64_t begin = 0; begin < N; begin += kBlock) {
        const std::int64_t width = std::min(kBlock, N - begin);
        const bool in_place = width == kBlock && right.column_stride == 1;
        if (!in_place) pack(right, K, begin, width, packed.data());
        const float* block = in_place ? right.data + begin : packed.data();
        multiply_block(left, M, K, block, in_place ? right.row_stride : kBlock, product + begin, out.stride(-2), width,
                       accumulate);
      }
    }
  });
}

}  // namespace engine::backend
