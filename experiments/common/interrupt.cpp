#include "experiments/common/interrupt.hpp"

#include <atomic>
#include <csignal>

namespace experiments {
namespace {

volatile std::sig_atomic_t requested = 0;
std::atomic<int> questions_left{-1};  // below 0: no interruption is planned

void request(int signal) {
  requested = 1;
  std::signal(signal, SIG_DFL);
}

}  // namespace

void catch_interrupts() {
  std::signal(SIGINT, request);
  std::signal(SIGTERM, request);
}

bool interrupt_requested() noexcept {
  if (questions_left.load() >= 0 && questions_left.fetch_sub(1) == 0) requested = 1;
  return requested != 0;
}

void interrupt_after(int times) noexcept { questions_left = times; }

void reset_interrupt() noexcept { requested = 0; }

}  // namespace experiments
