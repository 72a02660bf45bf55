// Sets whose splits are text files with a picture per line. As the reference code reads them from sorted folders, the
// pictures are sorted by class, then by name, and classes are numbered in sorted order.
//
//   DTD        images/CLASS/*  labels/{train1,val1,test1}.txt: "CLASS/file.jpg"; train is train1 and, if there, val1
//              [robots.ox.ac.uk/~vgg/data/dtd]
//   SUN397     a/abbey/*, a/apartment_building/outdoor/* ...  Partitions/{Training,Testing}_01.txt (or beside them):
//              "/a/abbey/sun_x.jpg"; the class is "a_abbey", as in the reference's folders
//              [vision.princeton.edu/projects/2010/SUN]
//   RESISC45   NWPU-RESISC45/CLASS/*  resisc45-{train,test}.txt: "airplane_001.jpg", whose class is what precedes the
//              number [torchgeo.datasets.RESISC45]
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "datasets/dataset.hpp"
#include "datasets/split.hpp"

namespace datasets {

// Throw std::runtime_error naming the list and the line if a list is missing or empty, or a line leaves the folder or
// names no class; std::invalid_argument for Split::validation.
std::shared_ptr<const Dataset> load_dtd(const std::filesystem::path& folder, Split split, std::int64_t image_size);
std::shared_ptr<const Dataset> load_sun397(const std::filesystem::path& folder, Split split, std::int64_t image_size);
std::shared_ptr<const Dataset> load_resisc45(const std::filesystem::path& folder, Split split, std::int64_t image_size);

}  // namespace datasets
