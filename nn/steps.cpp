#include "nn/steps.hpp"

#include <optional>
#include <utility>

#include "engine/autodiff/inspect.hpp"
#include "engine/autodiff/transforms.hpp"
#include "engine/ops/ops.hpp"

namespace nn {

using engine::Tensor;

namespace {

struct LossAndCotangent {
  double loss;
  Tensor cotangent;  // ∂L/∂features
};

// `weight` is the shard's part of the batch, so that the shards' losses and gradients simply add up.
LossAndCotangent evaluate(const Loss& loss, const Tensor& features, const Tensor& labels, double weight) {
  const engine::Function weighted = [&](engine::VarSpan x) {
    return engine::Vars{engine::scale(loss(x[0], labels), weight)};
  };
  const engine::Tangents one{engine::Var(Tensor::full({}, 1.0, features.dtype()))};
  const auto [value, cotangent] = vjp(weighted, engine::Vars{features}, one);
  return {value[0].tensor().item(), cotangent[0].value().tensor()};
}

// Calls shard(images, labels, weight) on each shard and adds up what it returns.
StepResult sum_over_shards(const Tensor& images, const Tensor& labels, const Shards& shards,
                           const std::function<StepResult(const Tensor&, const Tensor&, double)>& shard) {
  const std::int64_t B = images.shape()[0];
  std::optional<StepResult> total;
  shards.pool.run_ordered<StepResult>(
      engine::shard_count(B, shards.size),
      [&](std::int64_t index) {
        const auto [begin, end] = engine::shard_range(index, B, shards.size);
        const double weight = static_cast<double>(end - begin) / static_cast<double>(B);
        return shard(images.slice(0, begin, end), labels.slice(0, begin, end), weight);
      },
      [&](std::int64_t, StepResult&& part) {
        if (!total.has_value()) {
          total = std::move(part);
          return;
        }
        const engine::Timed timed("sum of the shards");
        total->loss += part.loss;
        total->gradient.axpy(1.0, part.gradient);
      });
  return std::move(total).value();
}

}  // namespace

StepResult standard_step(const Model& f, const ParamTree& theta, const Tensor& images, const Tensor& labels,
                         const Loss& loss, const Shards& shards) {
  return sum_over_shards(images, labels, shards, [&](const Tensor& x, const Tensor& y, double weight) -> StepResult {
    TangentRecording recording = record(f, theta, x);  // 1 unit
    const LossAndCotangent l = evaluate(loss, recording.primal(), y, weight);
    return {l.loss, std::move(recording).pull(l.cotangent)};  // 2 units
  });
}

StepResult tangent_step(const TangentModel& f, const ParamTree& theta, const Tensor& images, const Tensor& labels,
                        const Loss& loss, const Shards& shards) {
  return sum_over_shards(images, labels, shards, [&](const Tensor& x, const Tensor& y, double weight) -> StepResult {
    TangentRecording recording = f.record(x);                           // 1 unit, the only recording
    const Tensor j_tau = recording.push_difference(theta, f.theta0());  // 2 units
    const LossAndCotangent l = evaluate(loss, engine::add(recording.primal(), j_tau).tensor(), y, weight);  // small
    return {l.loss, std::move(recording).pull(l.cotangent)};                                                // 2 units
  });
}

}  // namespace nn
