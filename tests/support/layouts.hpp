// The same values in other layouts: what an op must not notice.
#pragma once

#include "engine/tensor/random.hpp"
#include "engine/tensor/tensor.hpp"

namespace tests {

// A view of the same values with reversed strides and gaps on every axis.
engine::Tensor strided(const engine::Tensor& dense);

// The values dense, with gaps or in another order of axes; at times what stands first along some axes is repeated along
// them by strides of 0, as what a pull of `sum` makes. With `whole_rows` never along the last axis.
engine::Tensor laid_out(const engine::Tensor& dense, engine::Random& random, bool whole_rows = false);

// x in f32 by the same strides. Throws std::logic_error of strides that no slice of a dense tensor, its axes exchanged
// or repeated, has.
engine::Tensor narrowed(const engine::Tensor& x);

}  // namespace tests
