#include "datasets/stl10.hpp"

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "datasets/class_names.hpp"
#include "datasets/pixel_dataset.hpp"
#include "engine/tensor/byte_source.hpp"

namespace datasets {
namespace {

constexpr std::int64_t kSide = 96;
constexpr std::int64_t kImageBytes = 3 * kSide * kSide;
constexpr std::uint64_t kMostBytes = 1ull << 32;  // the unlabelled images, which are not read here, have 2.8 GB

std::runtime_error stl10_error(const std::filesystem::path& file, const std::string& problem) {
  return std::runtime_error("[stl10] " + file.string() + ": " + problem);
}

}  // namespace

std::shared_ptr<const Dataset> load_stl10(const std::filesystem::path& folder, const Split split,
                                          const std::int64_t image_size) {
  if (split == Split::validation) {
    throw std::invalid_argument("[stl10] " + folder.string() + ": has files for train and test only.");
  }
  const std::string part = split == Split::train ? "train" : "test";
  const std::filesystem::path image_file = folder / (part + "_X.bin");
  const std::filesystem::path label_file = folder / (part + "_y.bin");
  std::vector<std::string> class_names = class_names_or(folder, read_class_names(folder / "class_names.txt"));
  std::vector<std::uint8_t> images = engine::ByteSource(image_file, "stl10").read_all(kMostBytes);
  const std::vector<std::uint8_t> label_bytes = engine::ByteSource(label_file, "stl10").read_all(kMostBytes);
  if (static_cast<std::int64_t>(images.size()) != static_cast<std::int64_t>(label_bytes.size()) * kImageBytes) {
    throw stl10_error(image_file, "holds " + std::to_string(images.size()) + " bytes, but " + label_file.string() +
                                      " has labels for " + std::to_string(label_bytes.size()) + " images of " +
                                      std::to_string(kImageBytes) + "; take both from the same set.");
  }
  if (label_bytes.empty()) throw stl10_error(label_file, "is empty; fetch it again.");
  std::vector<std::int64_t> labels;
  for (const std::uint8_t label : label_bytes) {
    if (label < 1 || label > class_names.size()) {
      throw stl10_error(label_file, "label " + std::to_string(labels.size()) + " is " + std::to_string(label) +
                                        ", which is not in 1 .. " + std::to_string(class_names.size()) +
                                        "; it is damaged or of another kind.");
    }
    labels.push_back(label - 1);
  }
  const PixelLayout layout{kSide, kSide, 0, kImageBytes, 1, kSide, kSide * kSide};
  return std::make_shared<const PixelDataset>(std::move(images), layout, std::move(labels), std::move(class_names),
                                              image_size);
}

}  // namespace datasets
