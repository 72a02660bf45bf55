// Where Ctrl-C arrives.
#include "experiments/common/interrupt.hpp"

#include <pthread.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <csignal>
#include <thread>

BOOST_AUTO_TEST_SUITE(interrupt)

namespace {

bool is_blocked_here(int signal) {
  sigset_t blocked;
  pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
  return sigismember(&blocked, signal) == 1;
}

class Interrupts {  // caught while it lives
 public:
  Interrupts() {
    pthread_sigmask(SIG_BLOCK, nullptr, &before_);
    experiments::catch_interrupts();
  }
  ~Interrupts() {
    std::signal(SIGINT, SIG_DFL);
    std::signal(SIGTERM, SIG_DFL);
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    experiments::reset_interrupt();
  }

 private:
  sigset_t before_;
};

}  // namespace

// A handler that runs in the midst of a product of oneDNN 2.6 damages the heap.
BOOST_AUTO_TEST_CASE(threads_that_compute_handle_no_signal_and_the_program_does) {
  for (const int signal : {SIGINT, SIGTERM}) {
    const Interrupts interrupts;
    BOOST_CHECK(is_blocked_here(signal));
    std::thread([signal] { BOOST_CHECK(is_blocked_here(signal)); }).join();
    BOOST_CHECK(!experiments::interrupt_requested());
    BOOST_REQUIRE_EQUAL(::kill(::getpid(), signal), 0);
    for (int i = 0; i < 1000 && !experiments::interrupt_requested(); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    BOOST_CHECK(experiments::interrupt_requested());
  }
}

BOOST_AUTO_TEST_SUITE_END()
