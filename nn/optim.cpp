#include "nn/optim.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace nn {
namespace {

struct Coefficients {
  double decay, beta1, beta2, step_size, second_correction, eps;
};

template <class T>
void adamw_loop(T* __restrict theta, T* __restrict m, T* __restrict v, const T* __restrict gradient, std::int64_t count,
                const Coefficients& c) {
  const T decay = static_cast<T>(c.decay);
  const T beta1 = static_cast<T>(c.beta1);
  const T beta2 = static_cast<T>(c.beta2);
  const T step_size = static_cast<T>(c.step_size);
  const T second = static_cast<T>(c.second_correction);
  const T eps = static_cast<T>(c.eps);
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) {
    const T g = gradient[i];
    m[i] = beta1 * m[i] + (T(1) - beta1) * g;
    v[i] = beta2 * v[i] + (T(1) - beta2) * g * g;
    theta[i] = decay * theta[i] - step_size * m[i] / (std::sqrt(v[i]) * second + eps);
  }
}

}  // namespace

AdamW::AdamW(std::shared_ptr<const Layout> layout, AdamWOptions options, engine::DType dtype)
    : options_(options), m_(layout, dtype), v_(layout, dtype) {}

void AdamW::step(ParamTree& theta, const ParamTree& gradient, double lr_scale) {
  require_one_layout("adamw", theta, m_);
  require_one_layout("adamw", gradient, m_);
  ++steps_;
  const double lr = options_.lr * lr_scale;
  const double t = static_cast<double>(steps_);
  const Coefficients c{1.0 - lr * options_.weight_decay,
                       options_.beta1,
                       options_.beta2,
                       lr / (1.0 - std::pow(options_.beta1, t)),
                       1.0 / std::sqrt(1.0 - std::pow(options_.beta2, t)),
                       options_.eps};
  const std::int64_t count = theta.layout().numel();
  if (theta.dtype() == engine::DType::f32) {
    adamw_loop(theta.writable().data<float>(), m_.writable().data<float>(), v_.writable().data<float>(),
               gradient.flat().data<float>(), count, c);
  } else {
    adamw_loop(theta.writable().data<double>(), m_.writable().data<double>(), v_.writable().data<double>(),
               gradient.flat().data<double>(), count, c);
  }
}

void AdamW::restore(ParamTree first_moment, ParamTree second_moment, std::int64_t steps) {
  require_one_layout("adamw", first_moment, m_);
  require_one_layout("adamw", second_moment, m_);
  m_ = std::move(first_moment);
  v_ = std::move(second_moment);
  steps_ = steps;
}

double clip_norm(ParamTree& gradient, double max_norm) {
  const double length = norm(gradient);
  const double factor = max_norm / (length + 1e-6);
  if (factor < 1.0) gradient *= factor;
  return length;
}

double cosine_schedule(std::int64_t step, std::int64_t warmup, std::int64_t total) {
  if (step < warmup) return static_cast<double>(step + 1) / static_cast<double>(warmup);
  const double progress =
      static_cast<double>(step - warmup) / static_cast<double>(std::max<std::int64_t>(total - warmup, 1));
  return 0.5 * (1.0 + std::cos(std::numbers::pi * progress));
}

}  // namespace nn
