// Stanford Cars [ai.stanford.edu/~jkrause/cars/car_dataset.html]: pictures in cars_train and cars_test; in .mat files a
// struct array `annotations` with fname and class (from 1), and in devkit/cars_meta.mat the cell array `class_names`.
//   devkit/cars_train_annos.mat, and cars_test_annos_withlabels.mat beside devkit or in it
// Images keep the order of the annotations.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "datasets/dataset.hpp"
#include "datasets/split.hpp"

namespace datasets {

// Throws std::runtime_error naming the file if one is missing or damaged, or if an annotation names no class or a file
// outside its folder; std::invalid_argument for Split::validation.
std::shared_ptr<const Dataset> load_stanford_cars(const std::filesystem::path& folder, Split split,
                                                  std::int64_t image_size);

}  // namespace datasets
