#include "datasets/reference_split.hpp"

#include <algorithm>

#include "datasets/torch_random.hpp"

namespace datasets {

ReferenceSplit reference_split(const std::int64_t count) {
  constexpr std::int64_t kMostValidation = 5000;
  constexpr std::uint32_t kSeed = 0;
  const std::vector<std::int64_t> order = torch_permutation(count, kSeed);
  const auto border = order.end() - std::min(count / 10, kMostValidation);
  return {{order.begin(), border}, {border, order.end()}};
}

}  // namespace datasets
