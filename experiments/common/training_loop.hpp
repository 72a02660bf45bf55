// What every training run shares: progress, checkpoints now and then, and an orderly stop at Ctrl-C.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace experiments {

struct TrainingLoop {
  std::string label;
  std::int64_t steps;
  std::int64_t batch;                                           // images per step, for the rate shown
  std::function<double(std::int64_t step)> step;                // makes one step and returns its loss
  std::function<void(const std::vector<double>& losses)> save;  // a checkpoint after losses.size() steps
};

// Runs from step losses.size() to the end, appending to `losses`. Saves every minute and when stopped; throws
// Interrupted then, and std::runtime_error if a loss is not finite.
void run(const TrainingLoop& loop, std::vector<double>& losses);

}  // namespace experiments
