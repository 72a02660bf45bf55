// Which tasks are added together: all of them, and smaller numbers of them to see how the sum fares as it grows.
#pragma once

#include <cstdint>
#include <vector>

namespace experiments {

using Subset = std::vector<std::size_t>;  // positions of tasks, ascending

std::vector<std::int64_t> subset_sizes(std::int64_t tasks);        // 2, 4, 8, ... below `tasks`, and `tasks`
std::int64_t subset_count(std::int64_t tasks, std::int64_t size);  // tasks over size, or the largest integer
bool is_member(const Subset& subset, std::size_t task);

// All subsets of that size if there are at most `most`, in lexicographic order; otherwise `most` different ones, drawn so
// that tasks are in about as many each: the tasks are shuffled and cut into pieces, again and again.
std::vector<Subset> task_subsets(std::int64_t tasks, std::int64_t size, std::int64_t most, std::uint64_t seed);

}  // namespace experiments
