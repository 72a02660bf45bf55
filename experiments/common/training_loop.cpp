#include "experiments/common/training_loop.hpp"

#include <chrono>
#include <cmath>
#include <stdexcept>

#include "engine/tensor/errors.hpp"
#include "experiments/common/interrupt.hpp"
#include "experiments/common/progress.hpp"

namespace experiments {

void run(const TrainingLoop& loop, std::vector<double>& losses) {
  constexpr std::chrono::seconds kSaveInterval{60};
  Progress progress(loop.label, loop.steps, static_cast<std::int64_t>(losses.size()), loop.batch, "images");
  auto saved = std::chrono::steady_clock::now();
  for (std::int64_t step = static_cast<std::int64_t>(losses.size()); step < loop.steps; ++step) {
    if (interrupt_requested()) {
      loop.save(losses);
      throw Interrupted("stopped after step " + std::to_string(step) + " of " + std::to_string(loop.steps) + " of " +
                        loop.label + "; the same command goes on from there.");
    }
    try {
      losses.push_back(loop.step(step));
    } catch (const engine::NonFiniteError& error) {
      throw engine::NonFiniteError("[" + loop.label + "] step " + std::to_string(step) + ": " + error.what());
    }
    if (!std::isfinite(losses.back())) {
      throw std::runtime_error("[" + loop.label + "] the loss of step " + std::to_string(step) +
                               " is not finite; --check-finite names the op, a smaller learning rate may help.");
    }
    progress.update(step + 1, losses.back());
    if (std::chrono::steady_clock::now() - saved > kSaveInterval) {
      loop.save(losses);
      saved = std::chrono::steady_clock::now();
    }
  }
}

}  // namespace experiments
