// How long the tangent kernel of a model takes, and what it needs of memory.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace experiments::benchmarks {

struct NtkBenchmark {
  std::string work = "vit192";
  std::int64_t images = 256;
  std::int64_t directions = 1;
  std::int64_t block = 256;  // nn::NtkOptions
  std::vector<int> threads;
  std::int64_t rounds = 3;
  bool json = false;
};

// Prints, for each number of threads, the median time of the kernel matrix and of one product with it, after a first round that is not
// counted, the most memory in tensors, and the process's largest resident set so far. Throws Interrupted after Ctrl-C.
void benchmark_ntk(const NtkBenchmark& options);

}  // namespace experiments::benchmarks
