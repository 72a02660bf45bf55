// Every number of a header is compared with what the file can hold before memory is taken for it.
#include "datasets/idx.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>

#include "datasets/class_names.hpp"
#include "datasets/file_tree.hpp"
#include "datasets/pixel_dataset.hpp"
#include "engine/tensor/byte_source.hpp"

namespace datasets {
namespace {

constexpr std::uint32_t kImagesMagic = 2051;
constexpr std::uint32_t kLabelsMagic = 2049;
constexpr std::int64_t kMaxSide = 4096;
constexpr std::int64_t kMaxBytes = std::int64_t{4} << 30;
constexpr std::int64_t kMostImages = std::int64_t{1} << 26;  // a label and an index of each take eight bytes

struct Images {
  std::int64_t count = 0;
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::vector<std::uint8_t> pixels;
};

std::runtime_error idx_error(const std::filesystem::path& file, const std::string& problem) {
  return std::runtime_error("[idx] " + file.string() + ": " + problem);
}

std::uint32_t read_number(engine::ByteSource& source) {
  std::array<std::uint8_t, 4> bytes{};
  const std::size_t found = source.read(bytes);
  if (found < bytes.size()) source.fail("ends within its header; it is cut short, fetch it again.");
  return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 | std::uint32_t{bytes[2]} << 8 | bytes[3];
}

void read_magic(engine::ByteSource& source, const std::uint32_t required, const std::string_view content) {
  const std::uint32_t magic = read_number(source);
  if (magic == required) return;
  source.fail("an idx file of " + std::string(content) + " begins with " + std::to_string(required) +
              ", this one with " + std::to_string(magic) +
              (magic == kImagesMagic || magic == kLabelsMagic ? "; are images and labels swapped?"
                                                              : "; it is another kind of file or damaged."));
}

// The `count` bytes after the header, which must be the last ones.
std::vector<std::uint8_t> read_rest(engine::ByteSource& source, const std::int64_t count) {
  const std::string announced = "the header announces " + std::to_string(count) + " bytes of data, ";
  if (count > kMaxBytes) source.fail(announced + "over the limit of 4 GiB; split the file.");
  const auto wanted = static_cast<std::size_t>(count);
  if (wanted > source.most_bytes()) source.fail(announced + "more than the file can hold; it is cut short.");
  std::vector<std::uint8_t> bytes(wanted);
  const std::size_t found = source.read(bytes);
  if (found < wanted) {
    source.fail(announced + "only " + std::to_string(found) + " follow; it is cut short, fetch it again.");
  }
  std::array<std::uint8_t, 1> extra{};
  if (source.read(extra) != 0) source.fail(announced + "more follow; it is damaged, fetch it again.");
  return bytes;
}

Images read_images(const std::filesystem::path& file) {
  engine::ByteSource source(file, "idx");
  read_magic(source, kImagesMagic, "images");
  Images images;
  images.count = read_number(source);
  images.height = read_number(source);
  images.width = read_number(source);
  if (images.count < 1 || images.count > kMostImages || images.height < 1 || images.width < 1 ||
      images.height > kMaxSide || images.width > kMaxSide) {
    source.fail("needs 1 to " + std::to_string(kMostImages) + " images, of sides 1 to " + std::to_string(kMaxSide) +
                "; the header announces " + std::to_string(images.count) + " of " + std::to_string(images.height) +
                " x " + std::to_string(images.width) + ".");
  }
  images.pixels = read_rest(source, images.count * images.height * images.width);
  return images;
}

std::vector<std::uint8_t> read_labels(const std::filesystem::path& file) {
  engine::ByteSource source(file, "idx");
  read_magic(source, kLabelsMagic, "labels");
  const std::int64_t count = read_number(source);
  if (count > kMostImages) {
    source.fail("needs at most " + std::to_string(kMostImages) + " labels; the header announces " +
                std::to_string(count) + ".");
  }
  return read_rest(source, count);
}

std::shared_ptr<const Dataset> combine(const std::filesystem::path& image_file, Images images,
                                       const std::filesystem::path& label_file, std::vector<std::uint8_t> labels,
                                       std::vector<std::string> class_names, const std::int64_t image_size) {
  if (image_size < 1) {
    throw std::invalid_argument("[idx] image_size must be positive; arrived " + std::to_string(image_size) + ".");
  }
  if (static_cast<std::int64_t>(labels.size()) != images.count) {
    throw idx_error(label_file, "holds " + std::to_string(labels.size()) + " labels, but " + image_file.string() +
                                    " holds " + std::to_string(images.count) +
                                    " images; take both from the same set and split.");
  }
  const auto beyond =
      std::ranges::find_if(labels, [&](const std::uint8_t label) { return label >= class_names.size(); });
  if (beyond != labels.end()) {
    throw idx_error(label_file, "label " + std::to_string(beyond - labels.begin()) + " is class " +
                                    std::to_string(*beyond) + ", but there are only " +
                                    std::to_string(class_names.size()) + " class names; complete the list.");
  }
  const PixelLayout layout{images.height, images.width, 0, images.height * images.width, images.width, 1, 0};
  return std::make_shared<const PixelDataset>(std::move(images.pixels), layout,
                                              std::vector<std::int64_t>(labels.begin(), labels.end()),
                                              std::move(class_names), image_size);
}

// "train-images" and "idx3" → whichever of train-images-idx3-ubyte and train-images.idx3-ubyte there is, or one with
// .gz.
std::filesystem::path find_file(const std::filesystem::path& folder, const std::string& name, const std::string& kind) {
  const std::string usual = name + "-" + kind + "-ubyte";
  const std::string dotted = name + "." + kind + "-ubyte";  // as some unpackers have it
  const std::filesystem::path found = first_existing(folder, {usual, usual + ".gz", dotted, dotted + ".gz"});
  if (found.empty()) {
    throw idx_error(folder, "holds neither " + usual + " nor " + usual + ".gz; fetch one of them into this folder.");
  }
  return found;
}

std::vector<std::string> numbered_class_names(const std::span<const std::uint8_t> labels) {
  constexpr std::uint8_t kLastDigit = 9;
  const int last = labels.empty() ? kLastDigit : std::max(kLastDigit, std::ranges::max(labels));
  std::vector<std::string> names;
  for (int label = 0; label <= last; ++label) names.push_back(std::to_string(label));
  return names;
}

}  // namespace

std::shared_ptr<const Dataset> load_idx(const std::filesystem::path& images, const std::filesystem::path& labels,
                                        std::vector<std::string> class_names, const std::int64_t image_size) {
  return combine(images, read_images(images), labels, read_labels(labels), std::move(class_names), image_size);
}

std::shared_ptr<const Dataset> load_idx_folder(const std::filesystem::path& folder, const Split split,
                                               const std::int64_t image_size) {
  if (split == Split::validation) {
    throw std::invalid_argument("[idx] " + folder.string() +
                                ": idx sets have files for train and test only; take validation as a subset of train.");
  }
  std::error_code ignored;
  if (!std::filesystem::is_directory(folder, ignored)) throw idx_error(folder, "is not a folder; check the path.");
  const std::string prefix = split == Split::train ? "train" : "t10k";
  const std::filesystem::path images = find_file(folder, prefix + "-images", "idx3");
  const std::filesystem::path labels = find_file(folder, prefix + "-labels", "idx1");
  std::vector<std::uint8_t> label_bytes = read_labels(labels);
  std::optional<std::vector<std::string>> listed = listed_class_names(folder);
  std::vector<std::string> class_names = listed ? *std::move(listed) : numbered_class_names(label_bytes);
  return combine(images, read_images(images), labels, std::move(label_bytes), std::move(class_names), image_size);
}

bool has_idx_files(const std::filesystem::path& folder) {
  const std::string name = "t10k-images";
  return !first_existing(folder,
                         {name + "-idx3-ubyte", name + "-idx3-ubyte.gz", name + ".idx3-ubyte", name + ".idx3-ubyte.gz"})
              .empty();
}

}  // namespace datasets
