#include "nn/optim.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <vector>

#include "engine/autodiff/inspect.hpp"

namespace nn {
namespace {

constexpr std::int64_t kBlock = 1 << 16;  // parameters that one thread works on at a time

struct Coefficients {
  double gradient_scale, decay, beta1, beta2, step_size, second_correction, eps;
};

template <class T>
void adamw_loop(T* __restrict theta, T* __restrict m, T* __restrict v, const T* __restrict gradient, std::int64_t count,
                const Coefficients& c) {
  const T scale = static_cast<T>(c.gradient_scale);
  const T decay = static_cast<T>(c.decay);
  const T beta1 = static_cast<T>(c.beta1);
  const T beta2 = static_cast<T>(c.beta2);
  const T step_size = static_cast<T>(c.step_size);
  const T second = static_cast<T>(c.second_correction);
  const T eps = static_cast<T>(c.eps);
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) {
    const T g = scale * gradient[i];
    m[i] = beta1 * m[i] + (T(1) - beta1) * g;
    v[i] = beta2 * v[i] + (T(1) - beta2) * g * g;
    theta[i] = decay * theta[i] - step_size * m[i] / (std::sqrt(v[i]) * second + eps);
  }
}

template <class T>
double sum_of_squares(const T* x, std::int64_t count) {
  double total = 0.0;
#pragma omp simd reduction(+ : total)
  for (std::int64_t i = 0; i < count; ++i) total += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return total;
}

}  // namespace

AdamW::AdamW(std::shared_ptr<const Layout> layout, AdamWOptions options, engine::DType dtype)
    : AdamW(ParamSubset(std::move(layout), {}), options, dtype) {}

AdamW::AdamW(const ParamSubset& trained, AdamWOptions options, engine::DType dtype)
    : options_(options), m_(trained.shared_layout(), dtype), v_(trained.shared_layout(), dtype) {
  for (const auto& [begin, end] : trained.ranges()) {
    for (std::int64_t from = begin; from < end; from += kBlock) blocks_.push_back({from, std::min(from + kBlock, end)});
  }
}

void AdamW::step(ParamTree& theta, const ParamTree& gradient, engine::ShardPool& pool, double lr_scale,
                 double gradient_scale) {
  require_one_layout("adamw", theta, m_);
  require_one_layout("adamw", gradient, m_);
  const engine::Timed timed("adamw");
  ++steps_;
  const double lr = options_.lr * lr_scale;
  const double t = static_cast<double>(steps_);
  const Coefficients c{
      gradient_scale, 1.0 - lr * options_.weight_decay,         options_.beta1,
      options_.beta2, lr / (1.0 - std::pow(options_.beta1, t)), 1.0 / std::sqrt(1.0 - std::pow(options_.beta2, t)),
      options_.eps};
  const auto update = [&]<class T>(T* values, T* m, T* v, const T* g) {
    pool.run(std::ssize(blocks_), [&](std::int64_t block) {
      const auto& [begin, end] = blocks_[static_cast<std::size_t>(block)];
      adamw_loop(values + begin, m + begin, v + begin, g + begin, end - begin, c);
    });
  };
  if (theta.dtype() == engine::DType::f32) {
    update(theta.writable().data<float>(), m_.writable().data<float>(), v_.writable().data<float>(),
           gradient.flat().data<float>());
  } else {
    update(theta.writable().data<double>(), m_.writable().data<double>(), v_.writable().data<double>(),
           gradient.flat().data<double>());
  }
}

void AdamW::restore(ParamTree first_moment, ParamTree second_moment, std::int64_t steps) {
  require_one_layout("adamw", first_moment, m_);
  require_one_layout("adamw", second_moment, m_);
  m_ = std::move(first_moment);
  v_ = std::move(second_moment);
  steps_ = steps;
}

Clip clip_norm(const ParamTree& gradient, double max_norm, engine::ShardPool& pool) {
  const engine::Timed timed("clip_norm");
  const std::int64_t count = gradient.layout().numel();
  std::vector<double> squares(static_cast<std::size_t>(engine::shard_count(count, kBlock)));
  pool.run(std::ssize(squares), [&](std::int64_t block) {
    const auto [begin, end] = engine::shard_range(block, count, kBlock);
    const engine::Tensor part = gradient.flat().slice(0, begin, end);
    squares[static_cast<std::size_t>(block)] = part.dtype() == engine::DType::f32
                                                   ? sum_of_squares(part.data<float>(), end - begin)
                                                   : sum_of_squares(part.data<double>(), end - begin);
  });
  const double norm = std::sqrt(std::accumulate(squares.begin(), squares.end(), 0.0));
  return {norm, std::min(1.0, max_norm / (norm + 1e-6))};
}

double cosine_schedule(std::int64_t step, std::int64_t warmup, std::int64_t total) {
  if (step < warmup) return static_cast<double>(step + 1) / static_cast<double>(warmup);
  const double progress =
      static_cast<double>(step - warmup) / static_cast<double>(std::max<std::int64_t>(total - warmup, 1));
  return 0.5 * (1.0 + std::cos(std::numbers::pi * progress));
}

}  // namespace nn
