// The German Traffic Sign Recognition Benchmark [benchmark.ini.rub.de]: training pictures in one folder per class,
// named by its number, and test pictures in one folder with a table in which values are separated by semicolons:
//   Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId
// Where they lie: Final_Training/Images or Training; Final_Test/Images; GT-final_test.csv beside or inside these; all
// of it perhaps in a folder GTSRB. Test pictures keep the order of the table.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "datasets/dataset.hpp"
#include "datasets/split.hpp"

namespace datasets {

// Throws std::runtime_error naming the file, and the line of the table, if something is missing, damaged or leaves its
// folder; std::invalid_argument for Split::validation.
std::shared_ptr<const Dataset> load_gtsrb(const std::filesystem::path& folder, Split split, std::int64_t image_size);
std::filesystem::path gtsrb_training_folder(const std::filesystem::path& folder);  // empty if there is none

}  // namespace datasets
