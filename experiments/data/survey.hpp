// Reading a whole data set once: what is in it, and what cannot be read.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "datasets/dataset.hpp"
#include "datasets/normalisation.hpp"
#include "engine/parallel/shards.hpp"

namespace experiments {

struct Extent {  // in pixels; of no picture 0 to 0
  std::int64_t least = 0;
  std::int64_t most = 0;
};

struct Survey {
  std::vector<std::int64_t> images_of_class;  // the unreadable ones too
  datasets::Normalisation statistics;         // mean and deviation of all values, per channel
  std::vector<std::string> errors;            // one for each image that cannot be read, in the order of the set
  struct {
    Extent width, height;
  } sizes;  // of the pictures as their files have them, if told
};

enum class Sizes { passed_over, told };  // told: each picture is decoded twice

// On the pool, with a progress bar called `label`. The same for any number of threads. Throws Interrupted after Ctrl-C.
Survey survey(const datasets::Dataset& set, engine::ShardPool& pool, const std::string& label,
              Sizes sizes = Sizes::passed_over);

}  // namespace experiments
