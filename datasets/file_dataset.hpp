// A data set of picture files, each decoded and brought to size when it is read. What is read again and again is first
// put into memory with in_memory (datasets/memory_dataset.hpp): decoded once, kept at the wanted size.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "datasets/dataset.hpp"

namespace datasets {

struct LabelledFile {
  std::filesystem::path file;
  std::int64_t label = 0;
};

class FileDataset final : public Dataset {
 public:
  // Labels in 0 .. K - 1. Throws std::invalid_argument if they are not, or if image_size is not positive.
  FileDataset(std::vector<LabelledFile> files, std::vector<std::string> class_names, std::int64_t image_size);
  std::int64_t size() const override { return static_cast<std::int64_t>(files_.size()); }
  std::int64_t image_size() const override { return image_size_; }
  std::span<const std::string> class_names() const override { return class_names_; }
  std::int64_t label(std::int64_t index) const override;
  // Throws std::runtime_error naming the file if it cannot be decoded.
  void read_image(std::int64_t index, std::span<float> chw) const override;
  Picture read_picture(std::int64_t index) const override;  // throws likewise

 private:
  std::vector<LabelledFile> files_;
  std::vector<std::string> class_names_;
  std::int64_t image_size_;
};

}  // namespace datasets
