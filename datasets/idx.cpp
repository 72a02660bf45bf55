// Every number of a header is compared with what the file can hold before memory is taken for it.
#include "datasets/idx.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <span>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>

#include "datasets/bounds.hpp"
#include "datasets/byte_source.hpp"
#include "datasets/transform.hpp"

namespace datasets {
namespace {

constexpr std::uint32_t kImagesMagic = 2051;
constexpr std::uint32_t kLabelsMagic = 2049;
constexpr std::int64_t kMaxSide = 4096;
constexpr std::int64_t kMaxBytes = std::int64_t{4} << 30;
constexpr std::size_t kMostClasses = 256;  // a label is a byte

struct Images {
  std::int64_t count = 0;
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::vector<std::uint8_t> pixels;
};

class IdxDataset final : public Dataset {
 public:
  IdxDataset(Images images, std::vector<std::uint8_t> labels, std::vector<std::string> class_names,
             const std::int64_t image_size)
      : images_(std::move(images)),
        labels_(std::move(labels)),
        class_names_(std::move(class_names)),
        image_size_(image_size) {}

  std::int64_t size() const override { return images_.count; }
  std::int64_t image_size() const override { return image_size_; }
  std::span<const std::string> class_names() const override { return class_names_; }

  std::int64_t label(const std::int64_t index) const override {
    check_index("idx", index, size());
    return labels_[static_cast<std::size_t>(index)];
  }

  void read_image(const std::int64_t index, const std::span<float> chw) const override {
    check_index("idx", index, size());
    check_room("idx", chw, image_size_);
    const auto bytes = static_cast<std::size_t>(images_.height * images_.width);
    const auto grey = std::span(images_.pixels).subspan(static_cast<std::size_t>(index) * bytes, bytes);
    grey_to_image(grey, images_.height, images_.width, image_size_, chw);
  }

 private:
  Images images_;
  std::vector<std::uint8_t> labels_;
  std::vector<std::string> class_names_;
  std::int64_t image_size_;
};

std::runtime_error idx_error(const std::filesystem::path& file, const std::string& problem) {
  return std::runtime_error("[idx] " + file.string() + ": " + problem);
}

std::uint32_t read_number(ByteSource& source) {
  std::array<std::uint8_t, 4> bytes{};
  const std::size_t found = source.read(bytes);
  if (found < bytes.size()) source.fail("ends within its header; it is cut short, fetch it again.");
  return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 | std::uint32_t{bytes[2]} << 8 | bytes[3];
}

void read_magic(ByteSource& source, const std::uint32_t required, const std::string_view content) {
  const std::uint32_t magic = read_number(source);
  if (magic == required) return;
  source.fail("an idx file of " + std::string(content) + " begins with " + std::to_string(required) +
              ", this one with " + std::to_string(magic) +
              (magic == kImagesMagic || magic == kLabelsMagic ? "; are images and labels swapped?"
                                                              : "; it is another kind of file or damaged."));
}

// The `count` bytes after the header, which must be the last ones.
std::vector<std::uint8_t> read_rest(ByteSource& source, const std::int64_t count) {
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
  ByteSource source(file, "idx");
  read_magic(source, kImagesMagic, "images");
  Images images;
  images.count = read_number(source);
  images.height = read_number(source);
  images.width = read_number(source);
  if (images.count < 1 || images.height < 1 || images.width < 1 || images.height > kMaxSide ||
      images.width > kMaxSide) {
    source.fail("needs at least one image, of sides 1 to " + std::to_string(kMaxSide) + "; the header announces " +
                std::to_string(images.count) + " of " + std::to_string(images.height) + " x " +
                std::to_string(images.width) + ".");
  }
  images.pixels = read_rest(source, images.count * images.height * images.width);
  return images;
}

std::vector<std::uint8_t> read_labels(const std::filesystem::path& file) {
  ByteSource source(file, "idx");
  read_magic(source, kLabelsMagic, "labels");
  return read_rest(source, read_number(source));
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
  return std::make_shared<const IdxDataset>(std::move(images), std::move(labels), std::move(class_names), image_size);
}

std::filesystem::path plain_or_gzip(const std::filesystem::path& folder, const std::string& name) {
  std::filesystem::path plain = folder / name;
  std::filesystem::path gzip = folder / (name + ".gz");
  std::error_code ignored;  // what cannot be looked at cannot be read either
  if (std::filesystem::exists(plain, ignored)) return plain;
  if (std::filesystem::exists(gzip, ignored)) return gzip;
  throw idx_error(folder, "holds neither " + name + " nor " + name + ".gz; fetch one of them into this folder.");
}

std::vector<std::string> read_class_names(const std::filesystem::path& file) {
  std::error_code ignored;
  std::ifstream stream(file);
  if (!stream || !std::filesystem::is_regular_file(file))
    throw idx_error(file, "cannot be read; check its permissions.");
  std::vector<std::string> names;
  for (std::string line; std::getline(stream, line);) {
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty())
      throw idx_error(file, "line " + std::to_string(names.size() + 1) + " is empty; give one name per line.");
    names.push_back(line);
    if (names.size() > kMostClasses)
      throw idx_error(file, "names over 256 classes, but a label is one byte; shorten it.");
  }
  if (names.empty()) throw idx_error(file, "names no class; give one name per line, or remove the file.");
  return names;
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
  const std::filesystem::path images = plain_or_gzip(folder, prefix + "-images-idx3-ubyte");
  const std::filesystem::path labels = plain_or_gzip(folder, prefix + "-labels-idx1-ubyte");
  const std::filesystem::path classes = folder / "classes.txt";
  std::vector<std::uint8_t> label_bytes = read_labels(labels);
  std::vector<std::string> class_names =
      std::filesystem::exists(classes, ignored) ? read_class_names(classes) : numbered_class_names(label_bytes);
  return combine(images, read_images(images), labels, std::move(label_bytes), std::move(class_names), image_size);
}

}  // namespace datasets
