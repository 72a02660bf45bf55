// Sets with one folder of pictures per class. A class is numbered by the place of its folder in the sorted list.
//
//   load_class_folders:  train/CLASS/*  and for the test set  test/CLASS/*, else val_in_folder/, else val/
//     [torchvision.datasets.ImageFolder; as ImageNet, DTD, SUN397 and EuroSAT are prepared for the reference code].
//     val/ is a validation set of its own if there is a test/ as well.
//   load_omniglot:  images_background*/ALPHABET/CHARACTER/NUMBER_DRAWER.png; a class is "ALPHABET/CHARACTER",
//     drawers 1 to 15 are for training and 16 to 20 for test [github.com/brendenlake/omniglot].
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "datasets/dataset.hpp"
#include "datasets/file_dataset.hpp"
#include "datasets/split.hpp"

namespace datasets {

// Class folders `depth` levels below `folder` and the pictures in them. A class is called by its path. Throws as
// datasets/file_tree.hpp does; also if there is no class or no picture.
struct ClassFolders {
  std::vector<std::string> names;
  std::vector<LabelledFile> files;
};
ClassFolders find_class_folders(const std::filesystem::path& folder, int depth = 1);

// The loaders throw std::runtime_error naming what is missing or does not belong; std::invalid_argument for a
// validation set that is not there.
std::shared_ptr<const Dataset> load_class_folders(const std::filesystem::path& folder, Split split,
                                                  std::int64_t image_size);
// The first of test, val_in_folder and val that holds folders; empty if none does. ImageNet comes with a test/ of pictures
// without classes.
std::filesystem::path test_folder(const std::filesystem::path& folder);
bool has_validation_folder(const std::filesystem::path& folder);  // val/, beside a test/

std::vector<std::filesystem::path> omniglot_folders();  // the names that images_background goes by
std::shared_ptr<const Dataset> load_omniglot(const std::filesystem::path& folder, Split split, std::int64_t image_size);

}  // namespace datasets
