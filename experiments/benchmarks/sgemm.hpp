// How fast this machine multiplies f32 matrices: the best of oneDNN and OpenBLAS, at a large size and at the sizes of the
// models, each thread at a product of its own.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/parallel/shards.hpp"

namespace experiments::benchmarks {

struct SgemmRate {
  std::string library;
  std::int64_t M, K, N;
  double gflops;  // of all threads together
};

// Every library at every size, once; some 0.2 s each.
std::vector<SgemmRate> sgemm_rates(engine::ShardPool& pool);

}  // namespace experiments::benchmarks
