// The labelled part of STL-10 [cs.stanford.edu/~acoates/stl10]: {train,test}_X.bin holds 96 · 96 bytes each of red,
// green and blue per image, every plane column by column; {train,test}_y.bin a label byte 1 .. 10 per image;
// class_names.txt.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "datasets/dataset.hpp"
#include "datasets/split.hpp"

namespace datasets {

// Throws std::runtime_error naming the file if one is missing, of the wrong size, or has a label outside 1 .. K;
// std::invalid_argument for Split::validation.
std::shared_ptr<const Dataset> load_stl10(const std::filesystem::path& folder, Split split, std::int64_t image_size);

}  // namespace datasets
