// A task of the built-in world as a data set: image i is drawn when it is read, from the stream of numbers named by
// {seed, task, distribution, split, i}. So nothing is stored, threads share nothing, and splits never overlap.
#pragma once

#include <cstdint>
#include <memory>

#include "datasets/dataset.hpp"
#include "datasets/split.hpp"
#include "datasets/world/style.hpp"
#include "datasets/world/tasks.hpp"

namespace datasets::world {

// `count` images; every block of K consecutive images holds each of the K classes once, in random order.
// The task must be one of the registry (it is kept by reference).
// Throws std::invalid_argument if count < 0 or image_size < 8.
std::shared_ptr<Dataset> make_world_dataset(const TaskSpec& task, Distribution distribution, Split split,
                                            std::int64_t count, std::uint64_t seed, std::int64_t image_size = 32);

}  // namespace datasets::world
