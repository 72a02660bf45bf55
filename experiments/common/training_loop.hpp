// What every training run shares: batches made ahead of the steps, progress, checkpoints now and then, and an orderly
// stop at Ctrl-C.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "datasets/loader.hpp"

namespace experiments {

struct TrainingLoop {
  std::string label;
  std::int64_t steps;
  std::int64_t batch;  // images per step, for the rate shown
  const datasets::Loader& loader;
  int threads;  // that read images, beside those that train
  std::function<double(std::int64_t step, const datasets::Batch& batch)> step;  // makes one step and returns its loss
  std::function<void(const std::vector<double>& losses)> save = nullptr;  // a checkpoint after losses.size() steps
};

// Runs from step losses.size() to the end, appending to `losses`. Saves now and then and when stopped; throws
// Interrupted then, std::runtime_error if a loss is not finite, and what the loader throws for a batch when that is due.
void run(const TrainingLoop& loop, std::vector<double>& losses);

// Between the checkpoints of all training runs and solvers of this process, so at most so much of one is lost when it is killed: a
// minute unless set; 0 saves after every step.
void set_save_interval(double seconds) noexcept;
double save_interval() noexcept;  // seconds

}  // namespace experiments
