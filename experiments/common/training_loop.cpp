#include "experiments/common/training_loop.hpp"

#include <atomic>
#include <cmath>
#include <stdexcept>

#include "engine/tensor/errors.hpp"
#include "experiments/common/batch_stream.hpp"
#include "experiments/common/interrupt.hpp"
#include "experiments/common/progress.hpp"
#include "experiments/common/stopwatch.hpp"

namespace experiments {
namespace {

std::atomic<double> save_interval_s{60.0};

// Nothing to speak of unless images come from files on a slow disk, or are larger than the steps are long.
void say_if_waited(const std::string& label, double waited, double elapsed) {
  constexpr double kWorthSaying = 1.0;  // seconds
  constexpr double kShare = 0.05;
  if (waited < kWorthSaying || waited < kShare * elapsed) return;
  say(label + ": waited " + duration(waited) + " of " + duration(elapsed) + " for images to be read");
}

}  // namespace

void set_save_interval(double seconds) noexcept { save_interval_s = seconds; }
double save_interval() noexcept { return save_interval_s; }

void run(const TrainingLoop& loop, std::vector<double>& losses) {
  Progress progress(loop.label, loop.steps, static_cast<std::int64_t>(losses.size()), loop.batch, "images");
  BatchStream batches(loop.loader, static_cast<std::int64_t>(losses.size()), loop.steps, loop.threads);
  const Stopwatch since_start;
  Stopwatch since_saved;
  for (std::int64_t step = static_cast<std::int64_t>(losses.size()); step < loop.steps; ++step) {
    if (interrupt_requested()) {
      loop.save(losses);
      throw Interrupted("stopped after step " + std::to_string(step) + " of " + std::to_string(loop.steps) + " of " +
                        loop.label + "; the same command goes on from there.");
    }
    const datasets::Batch batch = batches.next();
    try {
      losses.push_back(loop.step(step, batch));
    } catch (const engine::NonFiniteError& error) {
      throw engine::NonFiniteError("[" + loop.label + "] step " + std::to_string(step) + ": " + error.what());
    }
    if (!std::isfinite(losses.back())) {
      throw std::runtime_error("[" + loop.label + "] the loss of step " + std::to_string(step) +
                               " is not finite; --check-finite names the op, a smaller learning rate may help.");
    }
    progress.update(step + 1, losses.back());
    if (step + 1 < loop.steps && since_saved.seconds() > save_interval()) {
      loop.save(losses);
      since_saved = Stopwatch();
    }
  }
  say_if_waited(loop.label, batches.seconds_waited(), since_start.seconds());
}

}  // namespace experiments
