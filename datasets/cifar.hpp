// The binary versions of CIFAR [cs.toronto.edu/~kriz/cifar.html]. A record is a label byte (CIFAR-100: a coarse and a
// fine one) and 32 · 32 bytes each of red, green and blue, row by row. Files may hold any number of records.
//   CIFAR-10:  data_batch_{1..5}.bin, test_batch.bin, batches.meta.txt      CIFAR-100:  train.bin, test.bin,
//   fine_label_names.txt
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "datasets/dataset.hpp"
#include "datasets/split.hpp"

namespace datasets {

// Both throw std::runtime_error naming the file if one is missing, empty, not whole records, or has a label beyond the
// class names; std::invalid_argument for Split::validation, which these sets do not have. CIFAR-100 has its fine
// labels.
std::shared_ptr<const Dataset> load_cifar10(const std::filesystem::path& folder, Split split, std::int64_t image_size);
std::shared_ptr<const Dataset> load_cifar100(const std::filesystem::path& folder, Split split, std::int64_t image_size);

}  // namespace datasets
