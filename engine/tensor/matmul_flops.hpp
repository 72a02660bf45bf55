// How many multiplications the products did: the unit in which the cost of a step is counted (docs/linearisation.md).
#pragma once

#include <cstdint>

namespace engine {

// Floating point operations (2·M·N·K each) of all products of this process so far.
std::int64_t matmul_flops() noexcept;
std::int64_t thread_matmul_flops() noexcept;  // of the calling thread alone

void count_matmul_flops(std::int64_t flops) noexcept;  // by the calling thread; for the kernels

}  // namespace engine
