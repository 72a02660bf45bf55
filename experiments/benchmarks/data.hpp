// How long training waits for its images. Fine-tuning steps in weight space, the fastest there are, take their batches
// from a BatchStream as `finetune` does, and in turn each makes its batch itself when it needs it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace experiments::benchmarks {

struct DataOptions {
  std::vector<std::string> tasks = {"digits"};
  std::filesystem::path data;
  std::string preset = "quick";
  std::vector<int> threads;
  std::int64_t steps = 50;
  std::int64_t rounds = 5;
  bool json = false;
};

// Prints, for each task with its images kept in memory and with random crops, how long a step and the making of a batch
// take and the share of the time spent waiting, both ways. Throws as find_sources and load_task; Interrupted after
// Ctrl-C.
void benchmark_data(const DataOptions& options);

}  // namespace experiments::benchmarks
