#include "experiments/common/interrupt.hpp"

#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <thread>

namespace experiments {
namespace {

// A signal may be handled on any thread; an atomic without a lock is safe in a handler.
std::atomic<bool> requested{false};
static_assert(std::atomic<bool>::is_always_lock_free);
std::atomic<int> questions_left{-1};  // below 0: no interruption is planned

void request(int signal) {
  requested = true;
  std::signal(signal, SIG_DFL);
}

}  // namespace

void catch_interrupts() {
  std::signal(SIGINT, request);
  std::signal(SIGTERM, request);
  // While oneDNN 2.6 multiplies with AVX2, its stack pointer may be in the heap, where a handler would overwrite what lies below
  // it. So no thread that computes handles a signal: one that sleeps does.
  sigset_t both;
  sigemptyset(&both);
  sigaddset(&both, SIGINT);
  sigaddset(&both, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &both, nullptr);
  std::thread([both] {
    pthread_sigmask(SIG_UNBLOCK, &both, nullptr);
    while (true) ::pause();
  }).detach();
}

bool interrupt_requested() noexcept {
  if (questions_left.load() >= 0 && questions_left.fetch_sub(1) == 0) requested = true;
  return requested;
}

void interrupt_after(int times) noexcept { questions_left = times; }

void reset_interrupt() noexcept { requested = false; }

void stop_stage_if_asked(const std::string& doing) {
  if (interrupt_requested()) throw Interrupted("stopped while " + doing + "; the same command starts that again.");
}

}  // namespace experiments
