// The empirical neural tangent kernel of a model at one point.           [Jacot et al. 2018; Ortiz-Jimenez et al. 2023, section 5]
//
//   K(x, x') = 1/D Σ_d ⟨J(x)ᵀ w_d, J(x')ᵀ w_d⟩               w_1 .. w_D directions among the E outputs
//
// One unit vector gives the kernel of one output, all E of them 1/E of the trace of the E × E kernel, and random directions of
// length 1 an estimate of the latter. There are two ways to it, which share no arithmetic beyond the recording:
//
//   ntk        K itself, weight by weight. The gradient of a weight is G(x) = Z̄ᵀ X, X [T, I] its inputs and Z̄ [T, O] the
//              cotangents of its outputs over the T tokens of x, both from one recording and one pull of each image:
//                ⟨G(x), G(x')⟩ = ⟨Z̄ᵀ X, Z̄'ᵀ X'⟩              O·I multiplications a pair: gradients of some rows of one weight
//                              = Σ_ts (X X'ᵀ ∘ Z̄ Z̄'ᵀ)_ts      T² (I + O): Gram matrices of tokens, no gradient at all
//              whichever is cheaper for the weight. The gradients of a whole model, N × P, never exist.
//   ntk_times  K v = 1/D Σ_d w_dᵀ J (Jᵀ (v ⊗ w_d)), a pull and a push of each image: what Lanczos needs (engine/linalg).
#pragma once

#include <cstdint>

#include "nn/steps.hpp"
#include "nn/tangent_model.hpp"

namespace nn {

enum class Contraction { cheapest, gradients, tokens };

struct NtkOptions {
  std::int64_t block = 256;  // images whose X and Z̄ are held at a time, twice if there are more
  Contraction contraction = Contraction::cheapest;
};

// images [N, ...], directions [D, E] -> K [N, N] f64, exactly symmetric. X and Z̄ are of the parameters' type, sums over weights are
// taken in f64 and in their order: the same bits for any number of threads. Throws ShapeError if the extents do not fit,
// std::invalid_argument for a block below 1, std::logic_error if the model uses a parameter otherwise than as a weight that all tokens share.
engine::Tensor ntk(const TangentModel& f, const engine::Tensor& images, const engine::Tensor& directions,
                   const Shards& shards, const NtkOptions& options = {});

// v [N] f64 -> K v [N] f64. Nothing is kept between calls: 1 + 2 D units a pass, and there are two. Throws ShapeError and DTypeError.
engine::Tensor ntk_times(const TangentModel& f, const engine::Tensor& images, const engine::Tensor& directions,
                         const engine::Tensor& v, const Shards& shards);

}  // namespace nn
