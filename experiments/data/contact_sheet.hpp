// A picture of a data set, to look at: one row per class with its name and some of its images.
#pragma once

#include <cstdint>
#include <filesystem>

#include "datasets/dataset.hpp"

namespace experiments {

// Writes the first `samples` images of each class, in the order of the set, as a PNG. Throws as datasets::write_png.
void write_contact_sheet(const datasets::Dataset& set, std::int64_t samples, const std::filesystem::path& file);

}  // namespace experiments
