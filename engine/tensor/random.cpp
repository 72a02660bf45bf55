#include "engine/tensor/random.hpp"

#include <cmath>
#include <numbers>
#include <utility>

namespace engine {

std::uint64_t Random::mix(std::uint64_t z) noexcept {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}

Random::Random(std::initializer_list<std::uint64_t> path) noexcept : state_(kGamma) {
  for (const std::uint64_t part : path) state_ = mix(state_ ^ mix(part + kGamma));
}

double Random::uniform() noexcept { return static_cast<double>(bits() >> 11) * 0x1.0p-53; }

double Random::uniform(double low, double high) noexcept { return low + (high - low) * uniform(); }

double
Random::normal() noexcept {  // Box and Muller; the second of the pair is not kept, so a stream has no hidden state
  const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
  return radius * std::cos(2.0 * std::numbers::pi * uniform());
}

void Random::shuffle(std::span<std::int64_t> values) noexcept {
  for (std::size_t last = values.size(); last-- > 1;) {
    std::swap(values[last], values[static_cast<std::size_t>(index(static_cast<std::int64_t>(last) + 1))]);
  }
}

std::int64_t Random::index(std::int64_t count) noexcept {  // bias below 2^-40 for any count we use
  return static_cast<std::int64_t>(uniform() * static_cast<double>(count));
}

}  // namespace engine
