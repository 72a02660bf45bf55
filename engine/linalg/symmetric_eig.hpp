// Eigenpairs of a symmetric matrix, all of them:   A v_i = λ_i v_i,   λ_0 <= λ_1 <= ...,   ⟨v_i, v_j⟩ = δ_ij
#pragma once

#include "engine/tensor/tensor.hpp"

namespace engine {

struct SymmetricEig {
  Tensor values;   // [N] f64, ascending
  Tensor vectors;  // [N, N] f64, eigenvectors in columns
};

// a [N, N] f64, of which only the lower triangle is read. On the calling thread; the same bits whatever the machine is
// asked to do elsewhere. Throws ShapeError unless a is square and of an order of at most 32 766, DTypeError unless it is
// f64, NonFiniteError if it holds NaN or Inf.
SymmetricEig symmetric_eig(const Tensor& a);

}  // namespace engine
