#include "engine/parallel/ahead.hpp"

#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

namespace engine {

struct Ahead::State {
  const std::int64_t end;
  const std::int64_t lead;
  const std::function<void(std::int64_t)> make;

  std::mutex mutex;
  std::condition_variable made_changed;
  std::condition_variable taken_changed;  // or the end
  std::int64_t made;                      // the next to make
  std::int64_t taken;                     // the next to take
  std::exception_ptr error;               // of make(made)
  bool stopping = false;
  double seconds_waited = 0.0;  // the caller's own
  std::thread thread;

  State(std::int64_t begin, std::int64_t the_end, std::int64_t the_lead, std::function<void(std::int64_t)> maker)
      : end(the_end), lead(the_lead), make(std::move(maker)), made(begin), taken(begin) {}

  void run() {
    std::unique_lock lock(mutex);
    while (made < end && error == nullptr) {
      taken_changed.wait(lock, [&] { return stopping || made - taken < lead; });
      if (stopping) return;
      const std::int64_t index = made;
      lock.unlock();
      std::exception_ptr thrown;
      try {
        make(index);
      } catch (...) {
        thrown = std::current_exception();
      }
      lock.lock();
      if (thrown != nullptr) {
        error = thrown;
      } else {
        ++made;
      }
      made_changed.notify_one();
    }
  }
};

Ahead::Ahead(std::int64_t begin, std::int64_t end, std::int64_t lead, std::function<void(std::int64_t)> make) {
  if (begin > end || lead < 1) {
    throw std::invalid_argument("[ahead] needs begin <= end and lead >= 1; got " + std::to_string(begin) + " to " +
                                std::to_string(end) + ", lead " + std::to_string(lead) + ".");
  }
  state_ = std::make_unique<State>(begin, end, lead, std::move(make));
  try {
    state_->thread = std::thread([state = state_.get()] { state->run(); });
  } catch (const std::system_error& error) {
    throw std::runtime_error(std::string("[threads] the system gave no thread to read ahead: ") + error.what() + ".");
  }
}

Ahead::~Ahead() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->taken_changed.notify_one();
  state_->thread.join();
}

std::int64_t Ahead::take() {
  State& state = *state_;
  std::unique_lock lock(state.mutex);
  if (state.taken == state.end) throw std::logic_error("[ahead] all are taken.");
  const auto is_ready = [&] { return state.taken < state.made || state.error != nullptr; };
  if (!is_ready()) {
    const auto start = std::chrono::steady_clock::now();
    state.made_changed.wait(lock, is_ready);
    state.seconds_waited += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
  if (state.taken == state.made) std::rethrow_exception(state.error);
  const std::int64_t index = state.taken++;
  state.taken_changed.notify_one();
  return index;
}

double Ahead::seconds_waited() const noexcept { return state_->seconds_waited; }

}  // namespace engine
