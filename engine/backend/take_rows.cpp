// Rows of a table by number, and their sum back into one: y_i = table[rows_i], table_n = Σ_{rows_i = n} x_i.
#include <algorithm>
#include <vector>

#include "engine/backend/element_type.hpp"
#include "engine/backend/kernels.hpp"

namespace engine::backend {

Tensor take_rows(const Tensor& table, const Tensor& rows) {
  const Tensor from = table.contiguous();
  const Tensor numbers = rows.contiguous();
  const std::int64_t C = table.shape()[1];
  std::vector<std::int64_t> extents(rows.shape().extents().begin(), rows.shape().extents().end());
  extents.push_back(C);
  Tensor result = Tensor::empty(Shape(extents), table.dtype());
  with_float_type(table.dtype(), [&]<class T>() {
    T* out = result.writable().data<T>();
    for (std::int64_t i = 0; i < numbers.numel(); ++i)
      std::copy_n(from.data<T>() + numbers.data<std::int64_t>()[i] * C, C, out + i * C);
  });
  return result;
}

Tensor put_rows(const Tensor& x, const Tensor& rows, std::int64_t N) {
  const Tensor from = x.contiguous();
  const Tensor numbers = rows.contiguous();
  const std::int64_t C = x.shape()[-1];
  Tensor result = Tensor::zeros({N, C}, x.dtype());
  with_float_type(x.dtype(), [&]<class T>() {
    T* const out = result.writable().data<T>();
    for (std::int64_t i = 0; i < numbers.numel(); ++i) {
      const T* __restrict row = from.data<T>() + i * C;
      T* __restrict target = out + numbers.data<std::int64_t>()[i] * C;
#pragma omp simd
      for (std::int64_t c = 0; c < C; ++c) target[c] += row[c];
    }
  });
  return result;
}

}  // namespace engine::backend
