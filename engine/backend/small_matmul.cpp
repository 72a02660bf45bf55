#include "engine/backend/small_matmul.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "engine/backend/stack.hpp"

namespace engine::backend {
namespace {

// The largest of M, N and K. Beyond them oneDNN's better blocking wins; later where b lies column by column, as in Q Kᵀ on
// strided views, which oneDNN does at a third of its speed (65 x 64 x 65: 35 GF/s, here 50).
constexpr std::int64_t kLargest = 32;
constexpr std::int64_t kLargestTransposed = 96;
// As wide as this processor's vectors: 16 lanes with AVX-512, 8 with AVX2. Wider ones would be split, and their sums kept in memory.
constexpr std::int64_t kLanes = __BIGGEST_ALIGNMENT__ / sizeof(float);
constexpr std::int64_t kBlock = 2 * kLanes;  // columns computed at once
constexpr int kRows = 6;                     // rows computed at once: 12 sums in registers

using Lanes [[gnu::vector_size(kLanes * sizeof(float))]] = float;

using Indices [[gnu::vector_size(kLanes * sizeof(int))]] = int;

Lanes load(const float* x) noexcept {
  Lanes lanes;
  std::memcpy(&lanes, x, sizeof(lanes));
  return lanes;
}

// The first `width` of the sums of a block.
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

// One stage of a transposition by blocks [Eklundh 1972]: the off-diagonal S x S blocks of each 2S x 2S block change places.
template <int S>
void swap_blocks(Lanes (&rows)[kLanes]) noexcept {
  Indices upper, lower;  // lanes of the second argument of a shuffle count on from kLanes
  for (int lane = 0; lane < kLanes; ++lane) {
    upper[lane] = (lane & S) == 0 ? lane : lane - S + static_cast<int>(kLanes);
    lower[lane] = (lane & S) == 0 ? lane + S : lane + static_cast<int>(kLanes);
  }
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i) {
    if ((i & S) != 0) continue;
    const Lanes first = rows[i];
    const Lanes second = rows[i + S];
    rows[i] = __builtin_shuffle(first, second, upper);
    rows[i + S] = __builtin_shuffle(first, second, lower);
  }
}

// to[k][j] = from[j][k], both kLanes x kLanes
void transpose_tile(const float* from, std::int64_t from_stride, float* to, std::int64_t to_stride) noexcept {
  Lanes rows[kLanes];
  for (std::int64_t j = 0; j < kLanes; ++j) rows[j] = load(from + j * from_stride);
  if constexpr (kLanes > 8) swap_blocks<8>(rows);
  if constexpr (kLanes > 4) swap_blocks<4>(rows);
  swap_blocks<2>(rows);
  swap_blocks<1>(rows);
  for (std::int64_t k = 0; k < kLanes; ++k) std::memcpy(to + k * to_stride, &rows[k], sizeof(Lanes));
}

// Up to kBlock columns of b, begun at `begin`, as a dense [K, kBlock]. What lies beyond the last column is never stored.
void pack(const Matrix& b, std::int64_t K, std::int64_t begin, std::int64_t width, float* packed) {
  const float* source = b.data + begin * b.column_stride;
  if (b.column_stride == 1) {
    for (std::int64_t k = 0; k < K; ++k) {
#pragma omp simd
      for (std::int64_t j = 0; j < width; ++j) packed[k * kBlock + j] = source[k * b.row_stride + j];
    }
    return;
  }
  const std::int64_t tiled = b.row_stride == 1 ? K / kLanes * kLanes : 0;
  for (std::int64_t j = 0; j < width;) {
    const bool whole = j + kLanes <= width && tiled > 0;
    const std::int64_t columns = whole ? kLanes : 1;
    const float* column = source + j * b.column_stride;
    if (whole) {
      for (std::int64_t k = 0; k < tiled; k += kLanes)
        transpose_tile(column + k, b.column_stride, packed + k * kBlock + j, kBlock);
    }
    for (std::int64_t k = whole ? tiled : 0; k < K; ++k) {
      for (std::int64_t i = 0; i < columns; ++i)
        packed[k * kBlock + j + i] = column[k * b.row_stride + i * b.column_stride];
    }
    j += columns;
  }
}

// R rows of a times a block of columns, or of its first half, whose rows are `block_stride` apart.
template <int R, bool kHalf>
void multiply_rows(const Matrix& a, std::int64_t K, const float* block, std::int64_t block_stride, float* out,
                   std::int64_t out_stride, std::int64_t width, bool accumulate) {
  Lanes low[R] = {};
  Lanes high[R] = {};
  for (std::int64_t k = 0; k < K; ++k) {
    const Lanes left = load(block + k * block_stride);
    const Lanes right = kHalf ? Lanes{} : load(block + k * block_stride + kLanes);
    const float* column = a.data + k * a.column_stride;
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const float factor = column[r * a.row_stride];
      low[r] += factor * left;
      if constexpr (!kHalf) high[r] += factor * right;
    }
  }
  for (int r = 0; r < R; ++r) store(low[r], high[r], out + r * out_stride, width, accumulate);
}

template <bool kHalf>
void multiply_block(Matrix a, std::int64_t M, std::int64_t K, const float* block, std::int64_t block_stride, float* out,
                    std::int64_t out_stride, std::int64_t width, bool accumulate) {
  const auto rows = [&]<int R>() {
    multiply_rows<R, kHalf>(a, K, block, block_stride, out, out_stride, width, accumulate);
  };
  std::int64_t row = 0;
  for (; row + kRows <= M; row += kRows) {
    rows.template operator()<kRows>();
    a.data += kRows * a.row_stride;
    out += kRows * out_stride;
  }
  switch (M - row) {
    case 5:
      return rows.template operator()<5>();
    case 4:
      return rows.template operator()<4>();
    case 3:
      return rows.template operator()<3>();
    case 2:
      return rows.template operator()<2>();
    case 1:
      return rows.template operator()<1>();
    default:
      return;
  }
}

}  // namespace

bool is_small_matmul(const Tensor& a, const Tensor& b, const MutableTensor& out) noexcept {
  return a.dtype() == DType::f32 && out.shape().rank() > 2 && out.stride(-1) == 1 &&
         std::max({a.shape()[-2], a.shape()[-1], b.shape()[-1]}) <= (b.stride(-1) == 1 ? kLargest : kLargestTransposed);
}

void small_matmul(const Tensor& a, const Tensor& b, const MutableTensor& out, bool accumulate) {
  const std::int64_t M = a.shape()[-2];
  const std::int64_t K = a.shape()[-1];
  const std::int64_t N = b.shape()[-1];
  alignas(64) std::array<float, kLargestTransposed * kBlock> packed{};
  for_each_product(a, b, out, [&](std::int64_t a_offset, std::int64_t b_offset, std::int64_t out_offset) {
    const Matrix left{a.data<float>() + a_offset, a.stride(-2), a.stride(-1)};
    const Matrix right{b.data<float>() + b_offset, b.stride(-2), b.stride(-1)};
    float* product = out.data<float>() + out_offset;
    for (std::int64_t begin = 0; begin < N; begin += kBlock) {
      const std::int64_t width = std::min(kBlock, N - begin);
      const bool in_place = width == kBlock && right.column_stride == 1;
      if (!in_place) pack(right, K, begin, width, packed.data());
      const float* block = in_place ? right.data + begin : packed.data();
      const auto multiply = width <= kLanes ? multiply_block<true> : multiply_block<false>;
      multiply(left, M, K, block, in_place ? right.row_stride : kBlock, product + begin, out.stride(-2), width,
               accumulate);
    }
  });
}

}  // namespace engine::backend
