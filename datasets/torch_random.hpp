// The random numbers of torch's generator on the CPU, so that splits (datasets/reference_split.hpp) and crops equal the
// reference code's. It is the Mersenne Twister MT19937 [Matsumoto & Nishimura 1998], which std::mt19937 is too.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

namespace datasets {

class TorchRandom {
 public:
  explicit TorchRandom(const std::uint32_t seed) : bits_(seed) {}
  float uniform(float low, float high);    // of 24 bits
  std::int64_t index(std::int64_t count);  // in 0 .. count - 1; 0 < count < 2³²

 private:
  std::mt19937 bits_;
};

// torch.randperm(count, generator=torch.Generator().manual_seed(seed)). Throws std::invalid_argument unless 0 <= count
// < 2³².
std::vector<std::int64_t> torch_permutation(std::int64_t count, std::uint32_t seed);

}  // namespace datasets
