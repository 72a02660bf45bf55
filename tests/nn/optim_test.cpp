// AdamW and clipping on trees of several blocks, which the pool shares out.
#include "nn/optim.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <memory>
#include <vector>

#include "engine/parallel/shards.hpp"
#include "engine/tensor/random.hpp"
#include "tests/support/tensors.hpp"

BOOST_AUTO_TEST_SUITE(optim)

namespace {

using engine::DType;
using engine::Tensor;

std::shared_ptr<const nn::Layout> layout_of(std::int64_t numel) {
  nn::Layout layout;
  nn::Scope(layout).add("w", {numel}, nn::Init::zeros());
  return std::make_shared<const nn::Layout>(std::move(layout));
}

struct Trained {
  std::vector<double> theta;
  double norm;
};

constexpr int kSteps = 3;
constexpr double kMaxNorm = 1.0;
constexpr nn::AdamWOptions kOptions{.lr = 1e-2};

Trained train(const Tensor& theta0, const Tensor& gradient, int threads) {
  const auto layout = layout_of(theta0.numel());
  engine::ShardPool pool(threads);
  nn::ParamTree theta(layout, theta0.clone());
  const nn::ParamTree g(layout, gradient.clone());
  nn::AdamW optimizer(layout, kOptions, theta0.dtype());
  double norm = 0.0;
  for (int step = 0; step < kSteps; ++step) {
    const nn::Clip clip = nn::clip_norm(g, kMaxNorm, pool);
    optimizer.step(theta, g, pool, 1.0, clip.factor);
    norm = clip.norm;
  }
  return {tests::values_of(theta.flat()), norm};
}

// The definition, in f64.
Trained train_plainly(std::vector<double> theta, std::vector<double> gradient) {
  double norm = 0.0;
  for (const double g : gradient) norm += g * g;
  norm = std::sqrt(norm);
  const double factor = std::min(1.0, kMaxNorm / (norm + 1e-6));
  const auto& [lr, beta1, beta2, eps, decay] = kOptions;
  for (std::size_t i = 0; i < theta.size(); ++i) {
    const double g = factor * gradient[i];
    double m = 0.0;
    double v = 0.0;
    for (int step = 1; step <= kSteps; ++step) {
      m = beta1 * m + (1.0 - beta1) * g;
      v = beta2 * v + (1.0 - beta2) * g * g;
      theta[i] *= 1.0 - lr * decay;
      theta[i] -= lr * (m / (1.0 - std::pow(beta1, step))) / (std::sqrt(v / (1.0 - std::pow(beta2, step))) + eps);
    }
  }
  return {std::move(theta), norm};
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_block_is_clipped_and_stepped_whatever_the_threads) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    for (const std::int64_t numel : {std::int64_t{3 * 65536}, std::int64_t{3 * 65536 + 1}}) {
      engine::Random random(7);
      const Tensor theta = tests::random_tensor({numel}, random, 1.0, dtype);
      const Tensor gradient = tests::random_tensor({numel}, random, 1.0, dtype);
      const Trained expected = train_plainly(tests::values_of(theta), tests::values_of(gradient));
      const Trained one = train(theta, gradient, 1);
      BOOST_CHECK_CLOSE(one.norm, expected.norm, 1e-9);
      double worst = 0.0;
      for (std::size_t i = 0; i < one.theta.size(); ++i)
        worst = std::max(worst, std::abs(one.theta[i] - expected.theta[i]));
      BOOST_CHECK_LT(worst, dtype == DType::f32 ? 2e-6 : 1e-12);
      for (const int threads : {2, 5}) {
        const Trained other = train(theta, gradient, threads);
        BOOST_CHECK_EQUAL(other.norm, one.norm);
        BOOST_CHECK(other.theta == one.theta);
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
