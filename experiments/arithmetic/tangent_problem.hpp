// Linear fine-tuning as one minimisation over τ, on all training images at once:
//
//   F(τ) = (1/N) Σ_n ℓ(z_n, y_n) + λ/2 ‖τ‖²,   z_n = f(x_n; θ0) + J(x_n; θ0) τ
//   ∇F(τ) = (1/N) Σ_n Jᵀ ∂ℓ/∂z_n + λ τ          a recording and a pull: 3 units an image
//   φ(t)  = F(τ + t d), z_n(t) = z_n + t J d     a stream, 3 units, for the whole line: the z_n are kept
//
// Sums run over shards in their order, so the bits are the same for any number of threads. The z_n and all that is
// computed from them are in double precision; J d and Jᵀ u are of the parameters' type.
#pragma once

#include "datasets/dataset.hpp"
#include "nn/lbfgs.hpp"
#include "nn/steps.hpp"

namespace experiments {

class TangentProblem {
 public:
  // F at τ; `loss` is ℓ's mean over the rows it is given, [b, E] f64. Keeps references to f, images and loss.
  TangentProblem(const nn::TangentModel& f, const datasets::Dataset& images, const nn::Loss& loss, double l2,
                 const nn::Shards& shards, nn::ParamTree tau);
  // The same with the z_n a run before left off with.
  TangentProblem(const nn::TangentModel& f, const datasets::Dataset& images, const nn::Loss& loss, double l2,
                 const nn::Shards& shards, nn::ParamTree tau, engine::Tensor outputs);

  const nn::ParamTree& tau() const noexcept { return tau_; }
  const engine::Tensor& outputs() const noexcept { return outputs_; }  // the z_n, [N, E] f64
  double loss() const;                                                 // F without its last term
  double value() const;                                                // F

  nn::ParamTree gradient() const;
  nn::Line along(const nn::ParamTree& d);  // valid until move()
  void move(const nn::ParamTree& d, double t);
  nn::Objective objective();  // these three, for nn::lbfgs_step

 private:
  nn::LinePoint losses_along(double t) const;  // of (1/N) Σ ℓ(z_n + t ż_n)

  const nn::TangentModel& f_;
  const datasets::Dataset& images_;
  const nn::Loss& loss_;
  double l2_;
  nn::Shards shards_;
  nn::ParamTree tau_;
  engine::Tensor outputs_;      // z
  engine::Tensor outputs_dot_;  // ż = J d of the last line
  engine::Tensor labels_;
};

}  // namespace experiments
