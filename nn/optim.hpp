// AdamW, gradient clipping and the learning-rate schedule, as the paper's reference code uses them (PyTorch's
// definitions).
#pragma once

#include <cstdint>
#include <vector>

#include "engine/parallel/shards.hpp"
#include "nn/params.hpp"

namespace nn {

struct AdamWOptions {
  double lr = 1e-5;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0.1;
};

// [Loshchilov & Hutter 2019, algorithm 2]
//   θ ← (1 − lr·λ) θ,   m ← β1 m + (1 − β1) g,   v ← β2 v + (1 − β2) g²,   θ ← θ − lr · m̂ / (√v̂ + eps)
// It decays θ, in tangent space too: there the reference also trains θ = θ0 + τ, not τ.
class AdamW {
 public:
  AdamW(std::shared_ptr<const Layout> layout, AdamWOptions options, engine::DType dtype = engine::DType::f32);
  AdamW(const ParamSubset& trained, AdamWOptions options,
        engine::DType dtype = engine::DType::f32);  // leaves the others
  // With factors on the learning rate and on the gradient (clip_norm). Throws ShapeError if a tree is of another model or
  // element type.
  void step(ParamTree& theta, const ParamTree& gradient, engine::ShardPool& pool, double lr_scale = 1.0,
            double gradient_scale = 1.0);

  // The state, for checkpoints.
  const ParamTree& first_moment() const noexcept { return m_; }
  const ParamTree& second_moment() const noexcept { return v_; }
  std::int64_t steps() const noexcept { return steps_; }
  void restore(ParamTree first_moment, ParamTree second_moment, std::int64_t steps);

 private:
  AdamWOptions options_;
  std::vector<ParamSubset::Range> blocks_;  // of the trained parameters; one is a thread's work
  ParamTree m_;
  ParamTree v_;
  std::int64_t steps_ = 0;
};

// What brings a gradient to a norm of at most max_norm: the factor min(1, max_norm / (norm + 1e-6)), as PyTorch has it. It is
// handed to the optimizer, which reads the gradient anyway. The norm is summed in f64, in blocks whose order does not depend
// on the threads.
struct Clip {
  double norm;
  double factor;
};
Clip clip_norm(const ParamTree& gradient, double max_norm, engine::ShardPool& pool);

// The factor on the learning rate at step 0 .. total − 1: linear up over `warmup` steps, (step + 1)/warmup, then half a
// cosine to 0.
double cosine_schedule(std::int64_t step, std::int64_t warmup, std::int64_t total);

}  // namespace nn
