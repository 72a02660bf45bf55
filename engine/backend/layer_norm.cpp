// Layer normalisation. Rows are short enough to stay in the first cache, so each kernel reads and writes memory once, whatever
// the number of its sums: 5 passes became 1 in the pull.
#include <algorithm>
#include <cmath>

#include "engine/backend/element_type.hpp"
#include "engine/backend/kernels.hpp"
#include "engine/backend/row_loops.hpp"

namespace engine::backend {

LayerNormForward layer_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, double eps) {
  const Tensor dense = x.contiguous();
  const Tensor scales = gamma.contiguous();
  const Tensor shifts = beta.contiguous();
  const Rows rows = rows_of(x.shape());
  LayerNormForward result{Tensor::empty(x.shape(), x.dtype()),
                          {Tensor::empty(x.shape(), x.dtype()), Tensor::empty(x.shape().without(-1), x.dtype())}};
  with_float_type(x.dtype(), [&]<class T>() {
    T* y_data = result.y.writable().data<T>();
    T* hat_data = result.hat.value.writable().data<T>();
    T* deviation = result.hat.deviation.writable().data<T>();
    const T* __restrict scale = scales.data<T>();
    const T* __restrict shift = shifts.data<T>();
    const T inverse_length = T(1) / static_cast<T>(rows.length);
    for (std::int64_t r = 0; r < rows.count; ++r) {
      const T* __restrict row = dense.data<T>() + r * rows.length;
      T* __restrict hat = hat_data + r * rows.length;
      T* __restrict y = y_data + r * rows.length;
      const T mean = row_sum(row, rows.length) * inverse_length;
      T variance = 0;
#pragma omp simd reduction(+ : variance)
      for (std::int64_t i = 0; i < rows.length; ++i) variance += (row[i] - mean) * (row[i] - mean);
      const T rho = T(1) / std::sqrt(variance * inverse_length + static_cast<T>(eps));
#pragma omp simd
      for (std::int64_t i = 0; i < rows.length; ++i) {
        const T value = rho * (row[i] - mean);
        hat[i] = value;
        y[i] = scale[i] * value + shift[i];
      }
      deviation[r] = rho;
    }
  });
  return result;
}

Tensor layer_norm_push(const Normalised& hat, const Tensor& gamma, const Tensor* x_dot, const Tensor* gamma_dot,
                       const Tensor* beta_dot) {
  const Rows rows = rows_of(hat.value.shape());
  const Tensor zeros = Tensor::zeros({rows.length}, hat.value.dtype());
  const Tensor scales = gamma.contiguous();
  const Tensor scales_dot = gamma_dot != nullptr ? gamma_dot->contiguous() : zeros;
  const Tensor shifts_dot = beta_dot != nullptr ? beta_dot->contiguous() : zeros;
  const Tensor dense = x_dot != nullptr ? x_dot->contiguous() : zeros;
  Tensor result = Tensor::empty(hat.value.shape(), hat.value.dtype());
  with_float_type(result.dtype(), [&]<class T>() {
    T* out = result.writable().data<T>();
    const T* __restrict scale = scales.data<T>();
    const T* __restrict scale_dot = scales_dot.data<T>();
    const T* __restrict shift_dot = shifts_dot.data<T>();
    const T inverse_length = T(1) / static_cast<T>(rows.length);
    for (std::int64_t r = 0; r < rows.count; ++r) {
      const T* __restrict value = hat.value.data<T>() + r * rows.length;
      T* __restrict y_dot = out + r * rows.length;
      if (x_dot == nullptr) {
#pragma omp simd
        for (std::int64_t i = 0; i < rows.length; ++i) y_dot[i] = scale_dot[i] * value[i] + shift_dot[i];
        continue;
      }
      const T* __restrict row = dense.data<T>() + r * rows.length;
      const T rho = hat.deviation.data<T>()[r];
      const T mean = row_sum(row, rows.length) * inverse_length;
      const T along = row_dot(value, row, rows.length) * inverse_length;
#pragma omp simd
      for (std::int64_t i = 0; i < rows.length; ++i) {
        y_dot[i] = scale[i] * (rho * (row[i] - mean - value[i] * along)) + scale_dot[i] * value[i] + shift_dot[i];
      }
    }
  });
  return result;
}

void layer_norm_pull(const Normalised& hat, const Tensor& gamma, const Tensor& y_bar, Target x_bar, Target gamma_bar,
                     Target beta_bar) {
  const Tensor dense = y_bar.contiguous();
  const Tensor scales = gamma.contiguous();
  const Rows rows = rows_of(hat.value.shape());
  Tensor product = Tensor::empty({rows.length}, y_bar.dtype());  // γ ȳ of one row
  with_float_type(y_bar.dtype(), [&]<class T>() {
    const T* __restrict scale = scales.data<T>();
    const T inverse_length = T(1) / static_cast<T>(rows.length);
    const auto begin = [&](const Target& target) -> T* {
      if (target.values == nullptr) return nullptr;
      T* data = target.values->data<T>();
      if (!target.adds) std::fill_n(data, rows.length, T(0));
      return data;
    };
    T* scale_bar = begin(gamma_bar);
    T* shift_bar = begin(beta_bar);
    T* __restrict v = product.writable().data<T>();
    T* out = x_bar.values != nullptr ? x_bar.values->data<T>() : nullptr;
    for (std::int64_t r = 0; r < rows.count; ++r) {
      const T* __restrict value = hat.value.data<T>() + r * rows.length;
      const T* __restrict bar = dense.data<T>() + r * rows.length;
      if (scale_bar != nullptr) {
#pragma omp simd
        for (std::int64_t i = 0; i < rows.length; ++i) scale_bar[i] += value[i] * bar[i];
      }
      if (shift_bar != nullptr) {
#pragma omp simd
        for (std::int64_t i = 0; i < rows.length; ++i) shift_bar[i] += bar[i];
      }
      if (out == nullptr) continue;
      T mean = 0;
      T along = 0;
#pragma omp simd reduction(+ : mean, along)
      for (std::int64_t i = 0; i < rows.length; ++i) {
        v[i] = scale[i] * bar[i];  // kept as it was rounded: in a row of one element, v − mean v is exactly 0
        mean += v[i];
        along += value[i] * v[i];
      }
      mean *= inverse_length;
      along *= inverse_length;
      const T rho = hat.deviation.data<T>()[r];
      T* __restrict target = out + r * rows.length;
      if (x_bar.adds) {
#pragma omp simd
        for (std::int64_t i = 0; i < rows.length; ++i) target[i] += rho * (v[i] - mean - value[i] * along);
      } else {
#pragma omp simd
        for (std::int64_t i = 0; i < rows.length; ++i) target[i] = rho * (v[i] - mean - value[i] * along);
      }
    }
  });
}

}  // namespace engine::backend
