#include "datasets/file_dataset.hpp"

#include <utility>

#include "datasets/bounds.hpp"
#include "datasets/decode.hpp"
#include "datasets/resample.hpp"

namespace datasets {

FileDataset::FileDataset(std::vector<LabelledFile> files, std::vector<std::string> class_names,
                         const std::int64_t image_size)
    : files_(std::move(files)), class_names_(std::move(class_names)), image_size_(image_size) {
  check_image_size("file_dataset", image_size_);
  std::vector<std::int64_t> labels;
  for (const LabelledFile& entry : files_) labels.push_back(entry.label);
  check_labels("file_dataset", labels, class_names_.size());
}

std::int64_t FileDataset::label(const std::int64_t index) const {
  check_index("file_dataset", index, size());
  return files_[static_cast<std::size_t>(index)].label;
}

void FileDataset::read_image(const std::int64_t index, const std::span<float> chw) const {
  check_room("file_dataset", chw, image_size_);
  to_planes(resize_and_crop(read_picture(index), image_size_), chw);
}

Picture FileDataset::read_picture(const std::int64_t index) const {
  check_index("file_dataset", index, size());
  return datasets::read_picture(files_[static_cast<std::size_t>(index)].file);
}

}  // namespace datasets
