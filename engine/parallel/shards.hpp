// The pool of threads that works through the shards of a batch. A shard runs on one thread; the ops inside it know of no other.
//
// Results are handed over in shard order whatever the number of threads, so a sum taken in `merge` has the same bits on 1, 2 or 16.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace engine {

class ShardPool {
 public:
  explicit ShardPool(int threads);  // including the caller's; throws std::invalid_argument unless at least 1,
                                    // and std::runtime_error if the system gives fewer
  ~ShardPool();
  ShardPool(const ShardPool&) = delete;
  ShardPool& operator=(const ShardPool&) = delete;
  int threads() const noexcept;

  // Calls work(shard) for shard 0 .. shards − 1, several at a time, and returns when all are done. If some throw, the
  // others not yet begun are dropped and the exception of the lowest shard is thrown. Throws std::logic_error if
  // called from inside `work`.
  void run(std::int64_t shards, const std::function<void(std::int64_t)>& work);

  // result = compute(shard), then merge(shard, result) one at a time and in shard order. A finished shard waits for its
  // turn, so at most `threads` results are alive.
  template <class Result>
  void run_ordered(std::int64_t shards, const std::function<Result(std::int64_t)>& compute,
                   const std::function<void(std::int64_t, Result&&)>& merge) {
    run(shards, [&](std::int64_t shard) {
      Result result = compute(shard);
      take_turn(shard, [&] { merge(shard, std::move(result)); });
    });
  }

 private:
  void take_turn(std::int64_t shard, const std::function<void()>& merge);
  struct State;
  std::unique_ptr<State> state_;
};

// [begin, end) of a batch of `count` cut into shards of `size`.
struct Range {
  std::int64_t begin;
  std::int64_t end;
};
std::int64_t shard_count(std::int64_t count, std::int64_t size) noexcept;
Range shard_range(std::int64_t shard, std::int64_t count, std::int64_t size) noexcept;

int hardware_threads() noexcept;  // the processors this process may use

}  // namespace engine
