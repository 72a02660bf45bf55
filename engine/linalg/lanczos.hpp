// The largest eigenpairs of a symmetric map that is known by its products alone.  [Golub & Van Loan 2013, algorithm 10.3.1]
//
//   A Q_k = Q_k T_k + β_k q_{k+1} e_kᵀ,   Q_kᵀ Q_k = I,   T_k tridiagonal;    T_k s = λ s gives the Ritz pair λ, v = Q_k s
//   ‖A v − λ v‖ = β_k |e_kᵀ s|
//
// Every new q is orthogonalised against all that came before, twice: without it the q lose their orthogonality as soon as a
// Ritz pair has converged, and copies of it appear [Parlett & Scott 1979].
#pragma once

#include <cstdint>
#include <functional>

#include "engine/tensor/tensor.hpp"

namespace engine {

struct RitzPairs {
  Tensor values;     // [k] f64, ascending: the largest is the last
  Tensor vectors;    // [N, k] f64, in columns
  Tensor residuals;  // [k] f64, ‖A v − λ v‖: some eigenvalue of A lies at most so far from λ
};

// The largest `count` Ritz pairs after `steps` products with A from `start` [N] f64, fewer if there are not as many. It
// ends earlier if the space is exhausted; of a multiple eigenvalue it sees one vector, that in the start. Throws ShapeError
// or DTypeError if `start` or a product is not [N] f64, std::invalid_argument unless start is finite and not zero and both counts are
// positive, NonFiniteError if a product is not finite.
RitzPairs lanczos(const std::function<Tensor(const Tensor&)>& a, const Tensor& start, std::int64_t steps,
                  std::int64_t count);

}  // namespace engine
