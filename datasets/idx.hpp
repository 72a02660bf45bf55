// The IDX files of MNIST and the sets made in its likeness, plain or gzip [yann.lecun.com/exdb/mnist, "File formats"]:
//   images: u32 2051, N, height, width, then N·height·width grey bytes;   labels: u32 2049, N, then N bytes
// with big-endian numbers. The bytes are kept as they are and resized when read (datasets/pixel_dataset.hpp).
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "datasets/dataset.hpp"
#include "datasets/split.hpp"

namespace datasets {

// Throws std::runtime_error naming the file if one is missing, damaged, cut short or too long, if the two do not belong
// together, or if a label has no class name; std::invalid_argument if image_size is not positive.
std::shared_ptr<const Dataset> load_idx(const std::filesystem::path& images, const std::filesystem::path& labels,
                                        std::vector<std::string> class_names, std::int64_t image_size);

// Loads {train,t10k}-{images-idx3,labels-idx1}-ubyte, each with or without .gz and with "-" or "." before idx, and
// classes.txt, a class name per line; without classes.txt the classes are "0", "1", ... up to the largest label, at
// least "9". Throws as load_idx; also std::invalid_argument for Split::validation, which these sets do not have.
std::shared_ptr<const Dataset> load_idx_folder(const std::filesystem::path& folder, Split split,
                                               std::int64_t image_size);
bool has_idx_files(const std::filesystem::path& folder);

}  // namespace datasets
