#include "engine/parallel/shards.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace engine;

BOOST_AUTO_TEST_SUITE(shards)

namespace {

// While it lives, this process can map only so many bytes more.
class RoomFor {
 public:
  explicit RoomFor(std::int64_t bytes) {
    getrlimit(RLIMIT_AS, &old_);
    std::int64_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    const rlimit tight{static_cast<rlim_t>(pages * sysconf(_SC_PAGESIZE) + bytes), old_.rlim_max};
    setrlimit(RLIMIT_AS, &tight);
  }
  ~RoomFor() { setrlimit(RLIMIT_AS, &old_); }
  RoomFor(const RoomFor&) = delete;
  RoomFor& operator=(const RoomFor&) = delete;

 private:
  rlimit old_{};
};

}  // namespace

BOOST_AUTO_TEST_CASE(every_shard_runs_once) {
  for (const int threads : {1, 2, 5}) {
    ShardPool pool(threads);
    for (int repeat = 0; repeat < 20; ++repeat) {
      std::vector<std::atomic<int>> runs(37);
      pool.run(37, [&](std::int64_t shard) { ++runs[static_cast<std::size_t>(shard)]; });
      for (const std::atomic<int>& count : runs) BOOST_CHECK_EQUAL(count.load(), 1);
    }
    pool.run(0, [](std::int64_t) { BOOST_FAIL("no shard was asked for"); });
  }
}

BOOST_AUTO_TEST_CASE(results_are_merged_in_shard_order) {
  for (const int threads : {1, 2, 5}) {
    ShardPool pool(threads);
    std::vector<std::int64_t> order;
    pool.run_ordered<std::int64_t>(
        50, [](std::int64_t shard) { return shard * shard; },
        [&](std::int64_t shard, std::int64_t&& result) {
          BOOST_CHECK_EQUAL(result, shard * shard);
          order.push_back(shard);
        });
    for (std::size_t i = 0; i < 50; ++i) BOOST_CHECK_EQUAL(order[i], static_cast<std::int64_t>(i));
  }
}

BOOST_AUTO_TEST_CASE(the_lowest_failure_is_thrown_and_the_pool_lives_on) {
  for (const int threads : {1, 2, 5}) {
    ShardPool pool(threads);
    const auto fails = [](std::int64_t shard) -> int {
      if (shard == 3 || shard == 7) throw std::runtime_error("shard " + std::to_string(shard));
      return 0;
    };
    int merged = 0;
    BOOST_CHECK_EXCEPTION(pool.run_ordered<int>(20, fails, [&](std::int64_t, int&&) { ++merged; }), std::runtime_error,
                          [](const std::runtime_error& error) { return std::string(error.what()) == "shard 3"; });
    BOOST_CHECK_EQUAL(merged, 3);
    int after = 0;
    pool.run_ordered<int>(
        4, [](std::int64_t) { return 1; }, [&](std::int64_t, int&& one) { after += one; });
    BOOST_CHECK_EQUAL(after, 4);
  }
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // whose shadow memory has no such limit
BOOST_AUTO_TEST_CASE(a_run_inside_a_run_is_refused) {
  engine::ShardPool pool(2);
  const auto nested = [&](std::int64_t) { pool.run(1, [](std::int64_t) {}); };
  BOOST_CHECK_THROW(pool.run(4, nested), std::logic_error);
  std::atomic<int> shards = 0;
  pool.run(4, [&](std::int64_t) { ++shards; });
  BOOST_CHECK_EQUAL(shards.load(), 4);
}

BOOST_AUTO_TEST_CASE(a_system_that_refuses_threads_is_named_and_those_it_gave_are_stopped) {
  const auto running = [] {
    const std::filesystem::directory_iterator tasks("/proc/self/task");
    return std::distance(begin(tasks), end(tasks));
  };
  // A joined thread is listed until the kernel has buried it, a little after `join` returns.
  const auto falls_to = [&](std::ptrdiff_t count) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (running() > count && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    return running() <= count;
  };
  const auto before = running();
  {
    const RoomFor limit(std::int64_t{40} << 20);  // a stack takes 8 MB unless the system says otherwise
    BOOST_CHECK_EXCEPTION(ShardPool(64), std::runtime_error, [](const std::runtime_error& error) {
      const std::string message = error.what();
      BOOST_TEST_MESSAGE(message);
      return message.starts_with("[threads] the system gave only ") &&
             message.find(" of 64 threads: Resource temporarily unavailable; ask for fewer.") != std::string::npos;
    });
  }
  BOOST_CHECK(falls_to(before));
  BOOST_CHECK_EQUAL(ShardPool(5).threads(), 5);
}
#endif

BOOST_AUTO_TEST_CASE(ranges_cover_the_batch) {
  BOOST_CHECK_EQUAL(shard_count(10, 4), 3);
  BOOST_CHECK_EQUAL(shard_range(2, 10, 4).begin, 8);
  BOOST_CHECK_EQUAL(shard_range(2, 10, 4).end, 10);
  BOOST_CHECK_EQUAL(shard_count(0, 4), 0);
  BOOST_CHECK_THROW(ShardPool(0), std::invalid_argument);
}

BOOST_AUTO_TEST_SUITE_END()
