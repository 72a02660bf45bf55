#include "experiments/common/interrupt.hpp"

#include <csignal>

namespace experiments {
namespace {

volatile std::sig_atomic_t requested = 0;

void request(int signal) {
  requested = 1;
  std::signal(signal, SIG_DFL);
}

}  // namespace

void catch_interrupts() {
  std::signal(SIGINT, request);
  std::signal(SIGTERM, request);
}

bool interrupt_requested() noexcept { return requested != 0; }
void reset_interrupt() noexcept { requested = 0; }

}  // namespace experiments
