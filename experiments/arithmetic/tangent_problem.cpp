#include "experiments/arithmetic/tangent_problem.hpp"

#include <optional>
#include <span>
#include <utility>

#include "datasets/loader.hpp"
#include "engine/autodiff/transforms.hpp"
#include "engine/ops/ops.hpp"
#include "engine/tensor/errors.hpp"
#include "experiments/arithmetic/features.hpp"

namespace experiments {

using engine::DType;
using engine::Tensor;

namespace {

// a + t b, both [N, E] f64.
Tensor plus(const Tensor& a, double t, const Tensor& b) { return engine::add(a, engine::scale(b, t)).tensor(); }

// The shard's part of the mean over all N images, as a function of its outputs.
engine::Function weighted_loss(const nn::Loss& loss, const Tensor& labels, std::int64_t N) {
  const double weight = static_cast<double>(labels.numel()) / static_cast<double>(N);
  return [&loss, labels, weight](engine::VarSpan z) { return engine::Vars{engine::scale(loss(z[0], labels), weight)}; };
}

}  // namespace

TangentProblem::TangentProblem(const nn::TangentModel& f, const datasets::Dataset& images, const nn::Loss& loss,
                               double l2, const nn::Shards& shards, nn::ParamTree tau)
    : TangentProblem(f, images, loss, l2, shards, std::move(tau), Tensor::zeros({0, 1}, DType::f64)) {
  const TangentFeatures start = tangent_features(f, images, std::span(&tau_, 1), shards);
  outputs_ = plus(start.primal.to(DType::f64), 1.0, start.tangents[0].to(DType::f64));
}

TangentProblem::TangentProblem(const nn::TangentModel& f, const datasets::Dataset& images, const nn::Loss& loss,
                               double l2, const nn::Shards& shards, nn::ParamTree tau, Tensor outputs)
    : f_(f),
      images_(images),
      loss_(loss),
      l2_(l2),
      shards_(shards),
      tau_(std::move(tau)),
      outputs_(std::move(outputs)),
      outputs_dot_(Tensor::zeros({0, 1}, DType::f64)),
      labels_(labels_of(images)) {}

nn::LinePoint TangentProblem::losses_along(double t) const {
  const std::int64_t N = images_.size();
  nn::LinePoint sum{0.0, 0.0};
  shards_.pool.run_ordered<nn::LinePoint>(
      engine::shard_count(N, shards_.size),
      [&](std::int64_t shard) -> nn::LinePoint {
        const auto [begin, end] = engine::shard_range(shard, N, shards_.size);
        const Tensor z_dot = outputs_dot_.slice(0, begin, end);
        const engine::Vars z{plus(outputs_.slice(0, begin, end), t, z_dot)};
        const std::vector<engine::Tangents> direction{{engine::Var(z_dot)}};
        const engine::Dual dual = jvp(weighted_loss(loss_, labels_.slice(0, begin, end), N), z, direction)[0];
        return {dual.primal.tensor().item(), dual.tangents[0].value().tensor().item()};
      },
      [&](std::int64_t, nn::LinePoint&& part) {
        sum.value += part.value;
        sum.slope += part.slope;
      });
  return sum;
}

double TangentProblem::loss() const {
  const std::int64_t N = images_.size();
  double sum = 0.0;
  shards_.pool.run_ordered<double>(
      engine::shard_count(N, shards_.size),
      [&](std::int64_t shard) {
        const auto [begin, end] = engine::shard_range(shard, N, shards_.size);
        const engine::Vars z{outputs_.slice(0, begin, end)};
        return weighted_loss(loss_, labels_.slice(0, begin, end), N)(z)[0].tensor().item();
      },
      [&](std::int64_t, double&& part) { sum += part; });
  return sum;
}

double TangentProblem::value() const { return loss() + 0.5 * l2_ * dot(tau_, tau_); }

nn::ParamTree TangentProblem::gradient() const {
  const std::int64_t N = images_.size();
  nn::ParamTree sum = l2_ * tau_;
  shards_.pool.run_ordered<nn::ParamTree>(
      engine::shard_count(N, shards_.size),
      [&](std::int64_t shard) {
        const auto [begin, end] = engine::shard_range(shard, N, shards_.size);
        const Tensor images = datasets::load_range(images_, begin, end).images;
        const engine::Vars z{outputs_.slice(0, begin, end)};
        const engine::Tangents one{engine::Var(Tensor::full({}, 1.0, DType::f64))};
        const engine::Tangents u = vjp(weighted_loss(loss_, labels_.slice(0, begin, end), N), z, one).second;
        const DType dtype = f_.theta0().dtype();
        return f_.record(images.to(dtype)).pull(u[0].value().tensor().to(dtype));  // Jᵀ ∂ℓ/∂z
      },
      [&](std::int64_t, nn::ParamTree&& part) { sum.axpy(1.0, part); });
  return sum;
}

nn::Line TangentProblem::along(const nn::ParamTree& d) {
  outputs_dot_ = tangent_features(f_, images_, std::span(&d, 1), shards_).tangents[0].to(DType::f64);  // J d
  const double tau_tau = dot(tau_, tau_);
  const double tau_d = dot(tau_, d);
  const double d_d = dot(d, d);
  return [this, tau_tau, tau_d, d_d](double t) -> nn::LinePoint {
    const nn::LinePoint losses = losses_along(t);
    return {losses.value + 0.5 * l2_ * (tau_tau + 2.0 * t * tau_d + t * t * d_d),
            losses.slope + l2_ * (tau_d + t * d_d)};
  };
}

void TangentProblem::move(const nn::ParamTree& d, double t) {
  tau_.axpy(t, d);
  outputs_ = plus(outputs_, t, outputs_dot_);
}

nn::Objective TangentProblem::objective() {
  return {.gradient = [this] { return gradient(); },
          .along = [this](const nn::ParamTree& d) { return along(d); },
          .move = [this](const nn::ParamTree& d, double t) { move(d, t); }};
}

}  // namespace experiments
