// Loops over rows, the last axis of a tensor.
#pragma once

#include <cstdint>

#include "engine/tensor/shape.hpp"

namespace engine::backend {

struct Rows {
  std::int64_t count;   // of rows
  std::int64_t length;  // of each
};

inline Rows rows_of(const Shape& shape) {
  const std::int64_t length = shape[-1];
  return {length == 0 ? 0 : shape.numel() / length, length};
}

template <class T>
T row_sum(const T* x, std::int64_t length) {
  T total = 0;
#pragma omp simd reduction(+ : total)
  for (std::int64_t i = 0; i < length; ++i) total += x[i];
  return total;
}

template <class T>
T row_dot(const T* x, const T* y, std::int64_t length) {
  T total = 0;
#pragma omp simd reduction(+ : total)
  for (std::int64_t i = 0; i < length; ++i) total += x[i] * y[i];
  return total;
}

}  // namespace engine::backend
