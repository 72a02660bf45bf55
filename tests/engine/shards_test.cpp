#include "engine/parallel/shards.hpp"

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <stdexcept>
#include <vector>

using namespace engine;

BOOST_AUTO_TEST_SUITE(shards)

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

BOOST_AUTO_TEST_CASE(ranges_cover_the_batch) {
  BOOST_CHECK_EQUAL(shard_count(10, 4), 3);
  BOOST_CHECK_EQUAL(shard_range(2, 10, 4).begin, 8);
  BOOST_CHECK_EQUAL(shard_range(2, 10, 4).end, 10);
  BOOST_CHECK_EQUAL(shard_count(0, 4), 0);
  BOOST_CHECK_THROW(ShardPool(0), std::invalid_argument);
}

BOOST_AUTO_TEST_SUITE_END()
