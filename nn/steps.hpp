// One training step's loss and gradient, in weight space and in tangent space. A unit is the products of one forward
// pass.
//
//   standard   record at θ, pull                          3 units
//   tangent    record at θ0, push θ − θ0, pull            5 units
//
// f_lin is affine in τ with matrix J, so ∂L/∂τ = Jᵀ ∂L/∂f_lin exactly, with the residuals the push used: no derivative
// is taken through a derivative. The batch is cut into shards, each on one thread; losses and gradients are summed in
// shard order.
#pragma once

#include <cstdint>
#include <functional>

#include "engine/parallel/shards.hpp"
#include "nn/tangent_model.hpp"

namespace nn {

// The mean loss of features [b, E] with labels [b]: everything after the encoder, which is not linearised.
using Loss = std::function<engine::Var(const engine::Var& features, const engine::Tensor& labels)>;

struct Shards {
  engine::ShardPool& pool;
  std::int64_t size;  // images in each; never chosen from the number of threads, or the bits would depend on it
};

struct StepResult {
  double loss;         // the mean over the batch
  ParamTree gradient;  // with respect to θ
};

// images [B, 3, H, W], labels [B] i64
StepResult standard_step(const Model& f, const ParamTree& theta, const engine::Tensor& images,
                         const engine::Tensor& labels, const Loss& loss, const Shards& shards);
StepResult tangent_step(const TangentModel& f, const ParamTree& theta, const engine::Tensor& images,
                        const engine::Tensor& labels, const Loss& loss, const Shards& shards);

}  // namespace nn
