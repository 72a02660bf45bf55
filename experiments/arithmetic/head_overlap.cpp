#include "experiments/arithmetic/head_overlap.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <utility>

namespace experiments {
namespace {

using Vector = std::vector<double>;

double dot(const Vector& a, const Vector& b) { return std::inner_product(a.begin(), a.end(), b.begin(), 0.0); }

// An orthonormal basis of the contrasts between the rows of `head`, by Gram and Schmidt.
std::vector<Vector> contrasts(const engine::Tensor& head) {
  constexpr double kNothingLeft = 1e-5;  // of a row of unit length, in f32
  const std::int64_t K = head.shape()[0];
  const std::int64_t E = head.shape()[1];
  const engine::Tensor rows = head.contiguous();
  const float* const w = rows.data<float>();
  Vector mean(static_cast<std::size_t>(E), 0.0);
  for (std::int64_t i = 0; i < K * E; ++i)
    mean[static_cast<std::size_t>(i % E)] += static_cast<double>(w[i]) / static_cast<double>(K);
  std::vector<Vector> basis;
  for (std::int64_t c = 0; c < K; ++c) {
    Vector left(w + c * E, w + (c + 1) * E);
    for (std::size_t e = 0; e < left.size(); ++e) left[e] -= mean[e];
    for (int again = 0; again < 2; ++again) {  // the second time for what rounding left of the first
      for (const Vector& q : basis) {
        const double along = dot(left, q);
        for (std::size_t e = 0; e < left.size(); ++e) left[e] -= along * q[e];
      }
    }
    const double length = std::sqrt(dot(left, left));
    if (length < kNothingLeft) continue;  // the last class always: the contrasts of K classes have K − 1 dimensions
    for (double& value : left) value /= length;
    basis.push_back(std::move(left));
  }
  return basis;
}

}  // namespace

double head_overlap(const std::vector<engine::Tensor>& heads) {
  std::vector<std::vector<Vector>> bases;
  for (const engine::Tensor& head : heads) bases.push_back(contrasts(head));
  double total = 0.0;
  std::size_t pairs = 0;
  for (std::size_t s = 0; s < bases.size(); ++s) {
    for (std::size_t t = 0; t < bases.size(); ++t) {
      if (s == t || bases[s].empty()) continue;
      double shared = 0.0;
      for (const Vector& own : bases[s]) {
        for (const Vector& other : bases[t]) shared += std::pow(dot(own, other), 2);
      }
      total += shared / static_cast<double>(bases[s].size());
      ++pairs;
    }
  }
  return pairs == 0 ? 0.0 : total / static_cast<double>(pairs);
}

}  // namespace experiments
