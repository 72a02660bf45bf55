// How the reference code divides training images that come without a validation set of their own: v = min(n/10, 5000)
// are set aside, the last v of torch's permutation of 0 .. n-1 with seed 0. [task_vectors, src/datasets/registry.py]
#pragma once

#include <cstdint>
#include <vector>

namespace datasets {

struct ReferenceSplit {
  std::vector<std::int64_t> train;       // in the order of the permutation, as the reference keeps it
  std::vector<std::int64_t> validation;  // likewise
};

ReferenceSplit reference_split(std::int64_t count);  // throws as torch_permutation

}  // namespace datasets
