// How much the tasks' text heads overlap: what decides how much task vectors disturb each other (docs/world.md).
//
//   C_t = span{w_c − mean_c w_c : c a class of t},    overlap(s, t) = ‖P_t Q_s‖²_F / dim C_s
//
// with P_t the projection onto C_t and Q_s an orthonormal basis of C_s: the share of a random contrast between classes of s
// that lies among the contrasts between classes of t. 0 if they are orthogonal; (dim C_t) / E for random directions.
#pragma once

#include <vector>

#include "engine/tensor/tensor.hpp"

namespace experiments {

// Mean over all ordered pairs of different tasks; 0 of fewer than two. `heads`: the class embeddings [K, E] of each, f32.
double head_overlap(const std::vector<engine::Tensor>& heads);

}  // namespace experiments
