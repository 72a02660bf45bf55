#include "experiments/arithmetic/subsets.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

#include "engine/tensor/random.hpp"

namespace experiments {
namespace {

constexpr std::uint64_t kStream = 0x535542;

void add_all(std::size_t tasks, std::size_t size, Subset& chosen, std::vector<Subset>& subsets) {
  if (chosen.size() == size) {
    subsets.push_back(chosen);
    return;
  }
  for (std::size_t next = chosen.empty() ? 0 : chosen.back() + 1; next < tasks; ++next) {
    chosen.push_back(next);
    add_all(tasks, size, chosen, subsets);
    chosen.pop_back();
  }
}

}  // namespace

std::vector<std::int64_t> subset_sizes(std::int64_t tasks) {
  std::vector<std::int64_t> sizes;
  for (std::int64_t size = 2; size < tasks; size *= 2) sizes.push_back(size);
  sizes.push_back(tasks);
  return sizes;
}

std::int64_t subset_count(std::int64_t tasks, std::int64_t size) {
  std::int64_t count = 1;
  for (std::int64_t i = 1; i <= size; ++i) {
    if (count > std::numeric_limits<std::int64_t>::max() / tasks) return std::numeric_limits<std::int64_t>::max();
    count = count * (tasks - size + i) / i;  // a binomial coefficient at every step, so nothing is lost
  }
  return count;
}

bool is_member(const Subset& subset, std::size_t task) { return std::ranges::binary_search(subset, task); }

std::vector<Subset> task_subsets(std::int64_t tasks, std::int64_t size, std::int64_t most, std::uint64_t seed) {
  std::vector<Subset> subsets;
  if (subset_count(tasks, size) <= most) {
    Subset chosen;
    add_all(static_cast<std::size_t>(tasks), static_cast<std::size_t>(size), chosen, subsets);
    return subsets;
  }
  engine::Random random({seed, kStream, static_cast<std::uint64_t>(size)});
  std::vector<std::int64_t> order(static_cast<std::size_t>(tasks));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  while (static_cast<std::int64_t>(subsets.size()) < most) {
    random.shuffle(order);
    for (auto piece = order.begin(); order.end() - piece >= size; piece += size) {
      Subset subset(piece, piece + size);
      std::ranges::sort(subset);
      if (static_cast<std::int64_t>(subsets.size()) < most && std::ranges::find(subsets, subset) == subsets.end())
        subsets.push_back(std::move(subset));
    }
  }
  return subsets;
}

}  // namespace experiments
