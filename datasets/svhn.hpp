// SVHN's cropped digits [ufldl.stanford.edu/housenumbers, format 2]: {train,test}_32x32.mat with X [32, 32, 3, N] and
// y [N, 1], labels 1 .. 10, of which 10 is the digit 0.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "datasets/dataset.hpp"
#include "datasets/split.hpp"

namespace datasets {

// Throws std::runtime_error naming the file if it is missing, damaged, or does not hold such arrays;
// std::invalid_argument for Split::validation.
std::shared_ptr<const Dataset> load_svhn(const std::filesystem::path& folder, Split split, std::int64_t image_size);

}  // namespace datasets
