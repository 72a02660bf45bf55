// A small seeded generator (SplitMix64, Steele et al. 2014), the same on every machine and for every number of threads.
// Streams are addressed, not shared: Random(seed, a, b) is independent of Random(seed, a, b + 1), so image i of a data
// set or shard s of a batch draws the same numbers whoever computes it, in whatever order.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>

namespace engine {

class Random {
 public:
  explicit Random(std::uint64_t seed) noexcept : state_(mix(seed + kGamma)) {}
  // The stream named by a path of numbers, for example {seed, task, split, index}.
  Random(std::initializer_list<std::uint64_t> path) noexcept;

  std::uint64_t bits() noexcept { return mix(state_ += kGamma); }
  double uniform() noexcept;                         // in [0, 1)
  double uniform(double low, double high) noexcept;  // in [low, high)
  double normal() noexcept;                          // mean 0, variance 1
  std::int64_t index(std::int64_t count) noexcept;   // in 0 .. count - 1; count > 0
  bool chance(double probability) noexcept { return uniform() < probability; }
  void shuffle(std::span<std::int64_t> values) noexcept;  // Fisher–Yates [Durstenfeld 1964]

 private:
  static constexpr std::uint64_t kGamma = 0x9E3779B97F4A7C15ull;
  static std::uint64_t mix(std::uint64_t z) noexcept;
  std::uint64_t state_;
};

}  // namespace engine
