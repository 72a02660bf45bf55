// Loops that treat every element alike.
#include <cmath>
#include <numbers>

#include "engine/backend/element_type.hpp"
#include "engine/backend/kernels.hpp"
#include "engine/backend/vector_math.hpp"
#include "engine/tensor/walk.hpp"

namespace engine::backend {
namespace {

// out = f(a, b) on one shape. The common cases, dense by dense and dense by one repeated number, get loops of their
// own.
template <class T, class F>
void map_pair(const Tensor& a, const Tensor& b, T* out, const F& f) {
  const T* a_data = a.data<T>();
  const T* b_data = b.data<T>();
  for_each_row<2, Tensor>(a.shape(), {&a, &b}, [&](const std::array<Run, 2>& runs, std::int64_t count) {
    const T* __restrict x = a_data + runs[0].offset;
    const T* __restrict y = b_data + runs[1].offset;
    T* __restrict z = out;
    const std::int64_t x_step = runs[0].stride;
    const std::int64_t y_step = runs[1].stride;
    if (x_step == 1 && y_step == 1) {
#pragma omp simd
      for (std::int64_t i = 0; i < count; ++i) z[i] = f(x[i], y[i]);
    } else if (x_step == 1 && y_step == 0) {
      const T repeated = *y;
#pragma omp simd
      for (std::int64_t i = 0; i < count; ++i) z[i] = f(x[i], repeated);
    } else {
      for (std::int64_t i = 0; i < count; ++i) z[i] = f(x[i * x_step], y[i * y_step]);
    }
    out += count;
  });
}

template <class T, class F>
Tensor map_dense(const Tensor& x, const F& f) {
  const Tensor dense = x.contiguous();
  Tensor result = Tensor::empty(x.shape(), x.dtype());
  const T* __restrict in = dense.data<T>();
  T* __restrict out = result.writable().data<T>();
  const std::int64_t count = x.numel();
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) out[i] = f(in[i]);
  return result;
}

template <class T>
T normal_cdf(T x) {
  return T(0.5) * (T(1) + verf(x * T(std::numbers::sqrt2 / 2)));
}

template <class T>
T sigmoid(T x) {
  return T(1) / (T(1) + vexp(-x));
}

// gelu(z) = z Φ(z), gelu' = Φ + z φ; quick_gelu(z) = z σ(1.702 z), its derivative σ + 1.702 z σ (1 − σ).
template <class T, bool kDerivative>
void gelu_loop(const T* z, T* h, T* d, std::int64_t count) {
  const T density = T(std::numbers::inv_sqrtpi / std::numbers::sqrt2);
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) {
    const T x = z[i];
    const T cdf = normal_cdf(x);
    h[i] = x * cdf;
    if constexpr (kDerivative) d[i] = cdf + x * density * vexp(T(-0.5) * x * x);
  }
}

template <class T, bool kDerivative>
void quick_gelu_loop(const T* z, T* h, T* d, std::int64_t count) {
  const T beta = T(1.702);
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) {
    const T x = z[i];
    const T s = sigmoid(beta * x);
    h[i] = x * s;
    if constexpr (kDerivative) d[i] = s + beta * x * s * (T(1) - s);
  }
}

}  // namespace

Tensor binary(Binary operation, const Tensor& a, const Tensor& b) {
  return with_float_type(a.dtype(), [&]<class T>() {
    Tensor result = Tensor::empty(a.shape(), a.dtype());
    T* out = result.writable().data<T>();
    switch (operation) {
      case Binary::add:
        map_pair<T>(a, b, out, [](T x, T y) { return x + y; });
        break;
      case Binary::sub:
        map_pair<T>(a, b, out, [](T x, T y) { return x - y; });
        break;
      case Binary::mul:
        map_pair<T>(a, b, out, [](T x, T y) { return x * y; });
        break;
    }
    return result;
  });
}

Tensor affine(const Tensor& x, double scale, double shift) {
  return with_float_type(x.dtype(), [&]<class T>() {
    const T a = static_cast<T>(scale);
    const T b = static_cast<T>(shift);
    return map_dense<T>(x, [a, b](T value) { return a * value + b; });
  });
}

void add_into(const Tensor& x, MutableTensor out, bool accumulate) {
  with_float_type(x.dtype(), [&]<class T>() {
    for_each_row<2, View>(x.shape(), {&out.view(), &x.view()}, [&](const std::array<Run, 2>& runs, std::int64_t count) {
      T* __restrict sum = out.data<T>() + runs[0].offset;
      const T* __restrict values = x.data<T>() + runs[1].offset;
      const auto [target_step, step] = std::pair(runs[0].stride, runs[1].stride);
      if (target_step == 1 && step == 1) {
#pragma omp simd
        for (std::int64_t i = 0; i < count; ++i) sum[i] = accumulate ? sum[i] + values[i] : values[i];
      } else {
        for (std::int64_t i = 0; i < count; ++i)
          sum[i * target_step] = accumulate ? sum[i * target_step] + values[i * step] : values[i * step];
      }
    });
  });
}

Tensor unary(Unary function, const Tensor& x) {
  return with_float_type(x.dtype(), [&]<class T>() {
    switch (function) {
      case Unary::exp:
        return map_dense<T>(x, [](T v) { return vexp(v); });
      case Unary::log:
        return map_dense<T>(x, [](T v) { return vlog(v); });
      case Unary::sqrt:
        return map_dense<T>(x, [](T v) { return std::sqrt(v); });
      case Unary::reciprocal:
        return map_dense<T>(x, [](T v) { return T(1) / v; });
      case Unary::tanh:
        return map_dense<T>(x, [](T v) { return vtanh(v); });
      case Unary::sigmoid:
        return map_dense<T>(x, [](T v) { return sigmoid(v); });
      case Unary::normal_cdf:
        break;
    }
    return map_dense<T>(x, [](T v) { return normal_cdf(v); });
  });
}

void activation(Activation g, const Tensor& z, MutableTensor h, MutableTensor* d) {
  with_float_type(z.dtype(), [&]<class T>() {
    const T* in = z.data<T>();
    T* value = h.data<T>();
    T* derivative = d != nullptr ? d->data<T>() : nullptr;
    const std::int64_t count = z.numel();
    if (g == Activation::gelu) {
      derivative != nullptr ? gelu_loop<T, true>(in, value, derivative, count)
                            : gelu_loop<T, false>(in, value, nullptr, count);
    } else {
      derivative != nullptr ? quick_gelu_loop<T, true>(in, value, derivative, count)
                            : quick_gelu_loop<T, false>(in, value, nullptr, count);
    }
  });
}

}  // namespace engine::backend
