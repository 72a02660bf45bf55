#include "datasets/cifar.hpp"

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "datasets/class_names.hpp"
#include "datasets/pixel_dataset.hpp"
#include "engine/tensor/byte_source.hpp"

namespace datasets {
namespace {

constexpr std::int64_t kSide = 32;
constexpr std::int64_t kPlane = kSide * kSide;
constexpr std::uint64_t kMostBytes = 1ull << 31;  // the official files have at most 154 MB

std::runtime_error cifar_error(const std::filesystem::path& file, const std::string& problem) {
  return std::runtime_error("[cifar] " + file.string() + ": " + problem);
}

// Records of `label_bytes` labels, of which the last counts.
std::shared_ptr<const Dataset> load(const std::vector<std::filesystem::path>& files, const std::int64_t label_bytes,
                                    std::vector<std::string> class_names, const std::int64_t image_size) {
  const std::int64_t record = label_bytes + 3 * kPlane;
  std::vector<std::uint8_t> records;
  std::vector<std::int64_t> labels;
  for (const std::filesystem::path& file : files) {
    const std::vector<std::uint8_t> bytes = engine::ByteSource(file, "cifar").read_all(kMostBytes);
    const auto size = static_cast<std::int64_t>(bytes.size());
    if (size == 0) throw cifar_error(file, "is empty; fetch it again.");
    if (size % record != 0) {
      throw cifar_error(file, "holds " + std::to_string(size) + " bytes, which are not whole records of " +
                                  std::to_string(record) + "; it is cut short or of another kind.");
    }
    for (std::int64_t at = label_bytes - 1; at < size; at += record) {
      const std::int64_t label = bytes[static_cast<std::size_t>(at)];
      if (label >= static_cast<std::int64_t>(class_names.size())) {
        throw cifar_error(file, "record " + std::to_string(at / record) + " is of class " + std::to_string(label) +
                                    ", but there are only " + std::to_string(class_names.size()) +
                                    " class names; it is damaged or of another kind.");
      }
      labels.push_back(label);
    }
    records.insert(records.end(), bytes.begin(), bytes.end());
  }
  const PixelLayout layout{kSide, kSide, label_bytes, record, kSide, 1, kPlane};
  return std::make_shared<const PixelDataset>(std::move(records), layout, std::move(labels), std::move(class_names),
                                              image_size);
}

void refuse_validation(const std::filesystem::path& folder, const Split split) {
  if (split != Split::validation) return;
  throw std::invalid_argument("[cifar] " + folder.string() + ": has files for train and test only.");
}

}  // namespace

std::shared_ptr<const Dataset> load_cifar10(const std::filesystem::path& folder, const Split split,
                                            const std::int64_t image_size) {
  refuse_validation(folder, split);
  std::vector<std::filesystem::path> files;
  if (split == Split::test) files.push_back(folder / "test_batch.bin");
  for (int i = 1; split == Split::train && i <= 5; ++i) {
    files.push_back(folder / ("data_batch_" + std::to_string(i) + ".bin"));
  }
  return load(files, 1, class_names_or(folder, read_class_names(folder / "batches.meta.txt")), image_size);
}

std::shared_ptr<const Dataset> load_cifar100(const std::filesystem::path& folder, const Split split,
                                             const std::int64_t image_size) {
  refuse_validation(folder, split);
  return load({folder / (split == Split::train ? "train.bin" : "test.bin")}, 2,
              class_names_or(folder, read_class_names(folder / "fine_label_names.txt")), image_size);
}

}  // namespace datasets
