// Work made ahead of its use: in order, never further ahead than allowed, errors at their turn, and no thread left over.
#include "engine/parallel/ahead.hpp"

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <future>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/threads.hpp"

using engine::Ahead;
using tests::running_threads;
using tests::threads_fall_to;

BOOST_AUTO_TEST_SUITE(ahead)

namespace {

bool is_error_of_three(const std::runtime_error& error) { return std::string(error.what()) == "item 3"; }

}  // namespace

BOOST_AUTO_TEST_CASE(everything_is_made_once_and_taken_in_order) {
  for (const std::int64_t lead : {1, 2, 100}) {
    std::vector<std::int64_t> made;  // written by the one thread, read when it has made all
    Ahead items(5, 45, lead, [&](std::int64_t i) { made.push_back(i); });
    for (std::int64_t i = 5; i < 45; ++i) BOOST_CHECK_EQUAL(items.take(), i);
    BOOST_CHECK_THROW(items.take(), std::logic_error);
    BOOST_REQUIRE_EQUAL(made.size(), 40u);
    for (std::size_t i = 0; i < 40; ++i) BOOST_CHECK_EQUAL(made[i], static_cast<std::int64_t>(i) + 5);
    BOOST_CHECK_GE(items.seconds_waited(), 0.0);
  }
}

BOOST_AUTO_TEST_CASE(it_goes_ahead_but_never_further_than_allowed) {
  constexpr std::int64_t kLead = 3;
  std::atomic<std::int64_t> begun{0};
  std::atomic<std::int64_t> taken{0};
  std::atomic<bool> too_far{false};
  std::promise<void> is_ahead;
  {
    Ahead items(0, 100, kLead, [&](std::int64_t i) {
      ++begun;
      if (i >= taken + kLead) too_far = true;
      if (i == kLead - 1) is_ahead.set_value();
    });
    is_ahead.get_future().wait();  // nothing was asked for, and yet all that may be made is being made
    BOOST_CHECK_EQUAL(begun.load(), kLead);
    for (std::int64_t i = 0; i < 50; ++i) {
      ++taken;  // before it is: `make` may see it too early, never too late
      items.take();
    }
  }
  BOOST_CHECK(!too_far);
  BOOST_CHECK_LE(begun.load(), 50 + kLead);  // the rest is dropped
}

BOOST_AUTO_TEST_CASE(an_error_shows_at_its_turn_and_from_then_on) {
  std::promise<void> has_failed;
  std::atomic<int> begun{0};
  Ahead items(0, 10, 5, [&](std::int64_t i) {
    ++begun;
    if (i != 3) return;
    has_failed.set_value();
    throw std::runtime_error("item 3");
  });
  has_failed.get_future().wait();  // long before it is asked for
  for (std::int64_t i = 0; i < 3; ++i) BOOST_CHECK_EQUAL(items.take(), i);
  BOOST_CHECK_EXCEPTION(items.take(), std::runtime_error, is_error_of_three);
  BOOST_CHECK_EXCEPTION(items.take(), std::runtime_error, is_error_of_three);
  BOOST_CHECK_EQUAL(begun.load(), 4);  // nothing is made behind it
}

BOOST_AUTO_TEST_CASE(an_error_nobody_comes_to_is_dropped) {
  std::promise<void> has_failed;
  Ahead items(0, 10, 2, [&](std::int64_t i) {
    if (i != 1) return;
    has_failed.set_value();
    throw std::runtime_error("item 1");
  });
  has_failed.get_future().wait();
  BOOST_CHECK_EQUAL(items.take(), 0);
}

BOOST_AUTO_TEST_CASE(only_the_wait_for_what_is_not_yet_made_counts) {
  constexpr std::int64_t kItems = 200;
  std::atomic<std::int64_t> asked{0};
  Ahead on_demand(0, kItems, 1, [&](std::int64_t i) {
    while (asked <= i) std::this_thread::yield();
  });
  const auto start = std::chrono::steady_clock::now();
  for (std::int64_t i = 0; i < kItems; ++i) {
    ++asked;
    on_demand.take();
  }
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  BOOST_CHECK_GT(on_demand.seconds_waited(), 0.0);  // some take came first, of so many
  BOOST_CHECK_LE(on_demand.seconds_waited(), elapsed.count());

  std::promise<void> has_failed;
  Ahead ready(0, 3, 3, [&](std::int64_t i) {
    if (i < 2) return;
    has_failed.set_value();
    throw std::runtime_error("item 2");
  });
  has_failed.get_future().wait();
  ready.take();
  ready.take();
  BOOST_CHECK_EQUAL(ready.seconds_waited(), 0.0);
}

BOOST_AUTO_TEST_CASE(no_thread_is_left_over) {
  const std::ptrdiff_t before = running_threads();
  for (int i = 0; i < 50; ++i) {
    Ahead finished(0, 3, 3, [](std::int64_t) {});
    while (finished.take() < 2) {
    }
    Ahead failed(0, 3, 3, [](std::int64_t) { throw std::runtime_error("at once"); });
    Ahead abandoned(0, 1000000, 2, [](std::int64_t) {});
    const Ahead empty(7, 7, 1, [](std::int64_t) { BOOST_FAIL("nothing was asked for"); });
    abandoned.take();
  }
  BOOST_CHECK(threads_fall_to(before));
}

BOOST_AUTO_TEST_CASE(mistakes_are_invalid_arguments) {
  BOOST_CHECK_THROW(Ahead(1, 0, 1, [](std::int64_t) {}), std::invalid_argument);
  BOOST_CHECK_THROW(Ahead(0, 1, 0, [](std::int64_t) {}), std::invalid_argument);
}

BOOST_AUTO_TEST_SUITE_END()
