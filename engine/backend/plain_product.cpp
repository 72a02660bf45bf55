#include "engine/backend/kernels.hpp"
#include "engine/backend/openblas.hpp"
#include "engine/parallel/products.hpp"
#include "engine/tensor/errors.hpp"

namespace engine {

void plain_product(ProductLibrary library, const Tensor& a, const Tensor& b, Tensor& out) {
  const bool fits = a.shape().rank() == 2 && b.shape().rank() == 2 && a.shape()[1] == b.shape()[0] &&
                    out.shape() == Shape{a.shape()[0], b.shape()[1]} && a.is_contiguous() && b.is_contiguous() &&
                    out.is_contiguous() && a.dtype() == DType::f32 && b.dtype() == DType::f32 &&
                    out.dtype() == DType::f32;
  if (!fits) {
    throw ShapeError("[plain_product] needs dense f32 a [M, K], b [K, N] and out [M, N]; got " + describe(a) + ", " +
                     describe(b) + " and " + describe(out) + ".");
  }
  if (library == ProductLibrary::onednn) return backend::matmul(a, b, out.writable(), {}, Precision::f32);
  backend::use_one_blas_thread();
  const auto extent = [](std::int64_t n) { return static_cast<blasint>(n); };
  const blasint M = extent(a.shape()[0]);
  const blasint K = extent(a.shape()[1]);
  const blasint N = extent(b.shape()[1]);
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, M, N, K, 1.0F, a.data<float>(), K, b.data<float>(), N, 0.0F,
              out.writable().data<float>(), N);
}

}  // namespace engine
