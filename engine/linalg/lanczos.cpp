#include "engine/linalg/lanczos.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/backend/kernels.hpp"
#include "engine/linalg/symmetric_eig.hpp"
#include "engine/tensor/errors.hpp"
#include "engine/tensor/finite.hpp"

namespace engine {
namespace {

void check_vector(const std::string& what, const Tensor& x, const Shape& shape) {
  if (x.dtype() != DType::f64) throw DTypeError("[lanczos] needs " + what + " in f64; got " + describe(x) + ".");
  if (x.shape() != shape || shape.rank() != 1) {
    throw ShapeError("[lanczos] needs " + what + " " + (shape.rank() == 1 ? to_string(shape) : "[N]") + "; got " +
                     to_string(x.shape()) + ".");
  }
}

double norm(const Tensor& x) { return std::sqrt(backend::dot(x, x)); }

// x − a q
Tensor minus(const Tensor& x, double a, const Tensor& q) {
  Tensor result = backend::affine(q, -a, 0.0);
  backend::add_into(x, result.writable(), true);
  return result;
}

// T of the diagonal α and what stands beside it, β.
Tensor tridiagonal(const std::vector<double>& alpha, const std::vector<double>& beta) {
  const std::int64_t k = static_cast<std::int64_t>(alpha.size());
  Tensor t = Tensor::zeros({k, k}, DType::f64);
  double* values = t.writable().data<double>();
  for (std::int64_t i = 0; i < k; ++i) {
    values[i * k + i] = alpha[static_cast<std::size_t>(i)];
    if (i + 1 < k) values[(i + 1) * k + i] = beta[static_cast<std::size_t>(i)];
  }
  return t;
}

}  // namespace

RitzPairs lanczos(const std::function<Tensor(const Tensor&)>& a, const Tensor& start, std::int64_t steps,
                  std::int64_t count) {
  check_vector("a start", start, start.shape());
  if (steps < 1 || count < 1) {
    throw std::invalid_argument("[lanczos] needs at least one step and one pair; got " + std::to_string(steps) +
                                " and " + std::to_string(count) + ".");
  }
  const double length = norm(start);
  if (!(length > 0.0) || !std::isfinite(length))
    throw std::invalid_argument("[lanczos] needs a finite start that is not zero.");
  const std::int64_t N = start.shape()[0];
  std::vector<Tensor> q{backend::affine(start, 1.0 / length, 0.0)};
  std::vector<double> alpha;
  std::vector<double> beta;
  double scale = 0.0;  // of A: the longest product so far
  while (true) {
    Tensor next = a(q.back());
    check_vector("a product", next, start.shape());
    if (const std::optional<std::string> found = first_non_finite(next))
      throw NonFiniteError("[lanczos] a product has " + *found + ".");
    scale = std::max(scale, norm(next));
    alpha.push_back(backend::dot(next, q.back()));
    for (int pass = 0; pass < 2; ++pass) {
      for (const Tensor& before : q) next = minus(next, backend::dot(next, before), before);
    }
    beta.push_back(norm(next));
    const std::int64_t done = static_cast<std::int64_t>(alpha.size());
    const double rounding = static_cast<double>(N) * std::numeric_limits<double>::epsilon() * scale;
    if (done >= std::min(steps, N) || beta.back() <= rounding) break;
    q.push_back(backend::affine(next, 1.0 / beta.back(), 0.0));
  }
  const std::int64_t k = static_cast<std::int64_t>(alpha.size());
  const SymmetricEig ritz = symmetric_eig(tridiagonal(alpha, beta));
  const std::int64_t kept = std::min(count, k);
  const Tensor s = ritz.vectors.slice(1, k - kept, k);  // [k, kept]
  std::vector<Tensor> rows;
  for (const Tensor& of : q) rows.push_back(of.reshape({1, N}));
  const Tensor basis = backend::concat(rows, 0);  // Qᵀ
  Tensor vectors = Tensor::empty({N, kept}, DType::f64);
  backend::matmul(basis.permute({1, 0}), s, vectors.writable());
  Tensor residuals = s.slice(0, k - 1, k).reshape({kept}).clone();
  double* bound = residuals.writable().data<double>();
  for (std::int64_t i = 0; i < kept; ++i) bound[i] = beta.back() * std::abs(bound[i]);
  return {ritz.values.slice(0, k - kept, k).clone(), vectors, residuals};
}

}  // namespace engine
