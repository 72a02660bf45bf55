#include "engine/parallel/shards.hpp"

#include <sched.h>

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace engine {

struct ShardPool::State {
  std::mutex mutex;
  std::condition_variable begin;     // a new job, or the end
  std::condition_variable finished;  // a worker has left the job
  std::condition_variable turn_changed;

  const std::function<void(std::int64_t)>* work = nullptr;
  std::int64_t shards = 0;
  std::int64_t next = 0;    // the next shard to take
  std::int64_t turn = 0;    // the next shard to merge
  std::int64_t failed = 0;  // the lowest shard that threw; `shards` if none
  std::exception_ptr error;
  int busy = 0;
  std::uint64_t job = 0;
  bool stopping = false;
  std::vector<std::jthread> workers;

  // Takes shards in ascending order until none is left, so a shard that waits for its turn waits only for shards
  // already taken.
  void drain() {
    std::unique_lock lock(mutex);
    while (next < std::min(shards, failed)) {
      const std::int64_t shard = next++;
      lock.unlock();
      std::exception_ptr thrown;
      try {
        (*work)(shard);
      } catch (...) {
        thrown = std::current_exception();
      }
      lock.lock();
      if (thrown != nullptr && shard < failed) {
        failed = shard;
        error = thrown;
        turn_changed.notify_all();
      }
    }
  }

  void stop() {
    {
      const std::lock_guard lock(mutex);
      stopping = true;
    }
    begin.notify_all();
    workers.clear();  // joins
  }

  void serve() {
    std::uint64_t seen = 0;
    std::unique_lock lock(mutex);
    while (true) {
      begin.wait(lock, [&] { return stopping || job != seen; });
      if (stopping) return;
      seen = job;
      lock.unlock();
      drain();
      lock.lock();
      if (--busy == 0) finished.notify_all();
    }
  }
};

ShardPool::ShardPool(int threads) : state_(std::make_unique<State>()) {
  if (threads < 1) throw std::invalid_argument("[threads] needs at least 1; got " + std::to_string(threads) + ".");
  try {
    for (int i = 1; i < threads; ++i) state_->workers.emplace_back([state = state_.get()] { state->serve(); });
  } catch (const std::system_error& error) {
    const std::size_t started = state_->workers.size() + 1;
    state_->stop();
    throw std::runtime_error("[threads] the system gave only " + std::to_string(started) + " of " +
                             std::to_string(threads) + " threads: " + error.what() + "; ask for fewer.");
  }
}

ShardPool::~ShardPool() { state_->stop(); }

int ShardPool::threads() const noexcept { return static_cast<int>(state_->workers.size()) + 1; }

void ShardPool::run(std::int64_t shards, const std::function<void(std::int64_t)>& work) {
  State& state = *state_;
  {
    const std::lock_guard lock(state.mutex);
    if (state.work != nullptr) throw std::logic_error("[threads] run() was called while a run of this pool goes on.");
    state.work = &work;
    state.shards = shards;
    state.next = 0;
    state.turn = 0;
    state.failed = shards;
    state.error = nullptr;
    state.busy = static_cast<int>(state.workers.size());
    ++state.job;
  }
  state.begin.notify_all();
  state.drain();
  std::unique_lock lock(state.mutex);
  state.finished.wait(lock, [&] { return state.busy == 0; });
  state.work = nullptr;
  if (state.error != nullptr) std::rethrow_exception(std::exchange(state.error, nullptr));
}

void ShardPool::take_turn(std::int64_t shard, const std::function<void()>& merge) {
  State& state = *state_;
  {
    std::unique_lock lock(state.mutex);
    state.turn_changed.wait(lock, [&] { return state.turn == shard || state.failed < shard; });
    if (state.failed < shard) return;  // an earlier shard failed: this result is not wanted any more
  }
  merge();
  {
    const std::lock_guard lock(state.mutex);
    ++state.turn;
  }
  state.turn_changed.notify_all();
}

std::int64_t shard_count(std::int64_t count, std::int64_t size) noexcept { return (count + size - 1) / size; }

Range shard_range(std::int64_t shard, std::int64_t count, std::int64_t size) noexcept {
  return {shard * size, std::min((shard + 1) * size, count)};
}

int hardware_threads() noexcept {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof(allowed), &allowed) == 0) return std::max(1, CPU_COUNT(&allowed));
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

}  // namespace engine
