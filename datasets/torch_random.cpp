#include "datasets/torch_random.hpp"

#include <cmath>
#include <numeric>
#include <stdexcept>
#include <string>
#include <utility>

namespace datasets {

float TorchRandom::uniform(const float low, const float high) {
  constexpr std::uint32_t kMask = (1u << 24) - 1;
  // torch is built to multiply and add at once; so the bits are the same whatever this is built for.
  return std::fma(static_cast<float>(bits_() & kMask) * 0x1.0p-24f, high - low, low);
}

std::int64_t TorchRandom::index(const std::int64_t count) { return static_cast<std::int64_t>(bits_()) % count; }

std::vector<std::int64_t> torch_permutation(const std::int64_t count, const std::uint32_t seed) {
  if (count < 0 || count >= std::int64_t{1} << 32) {
    throw std::invalid_argument("[torch_permutation] count must be in 0 .. 2^32 - 1; arrived " + std::to_string(count) +
                                ".");
  }
  std::vector<std::int64_t> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  TorchRandom random(seed);
  for (std::int64_t i = 0; i < count - 1; ++i) {
    std::swap(order[static_cast<std::size_t>(i)], order[static_cast<std::size_t>(i + random.index(count - i))]);
  }
  return order;
}

}  // namespace datasets
