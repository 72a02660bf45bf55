#include "nn/steps.hpp"

#include <algorithm>
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

// Adds a slice's gradient to `sum` and returns its loss.
using Slice = std::function<double(const Tensor& images, const Tensor& labels, double weight, GradientSum& sum)>;

StepResult sum_over_shards(const ParamTree& theta, const Tensor& images, const Tensor& labels, const Shards& shards,
                           const Slice& slice) {
  const std::int64_t B = images.shape()[0];
  const auto shard = [&](std::int64_t index) -> StepResult {
    const auto [first, last] = engine::shard_range(index, B, shards.size);
    const std::int64_t size = shards.slice > 0 ? shards.slice : shards.size;
    GradientSum sum(theta.shared_layout(), theta.dtype());
    double loss = 0.0;
    for (std::int64_t begin = first; begin < last; begin += size) {
      const std::int64_t end = std::min(begin + size, last);
      const double weight = static_cast<double>(end - begin) / static_cast<double>(B);
      loss += slice(images.slice(0, begin, end), labels.slice(0, begin, end), weight, sum);
    }
    return {loss, std::move(sum).finished()};
  };
  std::optional<StepResult> total;
  shards.pool.run_ordered<StepResult>(engine::shard_count(B, shards.size), shard, [&](std::int64_t, StepResult&& part) {
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
  return sum_over_shards(theta, images, labels, shards,
                         [&](const Tensor& x, const Tensor& y, double weight, GradientSum& sum) {
                           TangentRecording recording = record(f, theta, x);  // 1 unit
                           const LossAndCotangent l = evaluate(loss, recording.primal(), y, weight);
                           std::move(recording).pull_into(l.cotangent, sum);  // 2 units
                           return l.loss;
                         });
}

StepResult tangent_step(const TangentModel& f, const ParamTree& theta, const Tensor& images, const Tensor& labels,
                        const Loss& loss, const Shards& shards) {
  const ParamTree tau = theta - f.theta0();
  return sum_over_shards(
      theta, images, labels, shards, [&](const Tensor& x, const Tensor& y, double weight, GradientSum& sum) {
        TangentRecording recording = f.record(x);  // 1 unit, the only recording
        const Tensor features = engine::add(recording.primal(), recording.push(tau)).tensor();  // 2 units
        const LossAndCotangent l = evaluate(loss, features, y, weight);                         // the head: small
        std::move(recording).pull_into(l.cotangent, sum);                                       // 2 units
        return l.loss;
      });
}

}  // namespace nn
