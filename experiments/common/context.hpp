// What a stage of an experiment is given.
#pragma once

#include <cstdint>

#include "engine/parallel/shards.hpp"
#include "experiments/common/recipe.hpp"
#include "nn/steps.hpp"

namespace experiments {

struct Context {
  Recipe recipe;
  std::uint64_t seed;
  engine::ShardPool& pool;
  nn::Shards shards() const { return {pool, recipe.shard_size}; }
};

}  // namespace experiments
