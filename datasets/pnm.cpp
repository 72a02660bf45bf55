#include "datasets/pnm.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "datasets/decode.hpp"

namespace datasets {
namespace {

[[noreturn]] void fail(const std::filesystem::path& file, const std::string& problem) {
  throw std::runtime_error("[pnm] " + file.string() + ": " + problem);
}

bool is_space(const std::uint8_t byte) { return byte == ' ' || (byte >= '\t' && byte <= '\r'); }
bool is_digit(const std::uint8_t byte) { return byte >= '0' && byte <= '9'; }

class Header {
 public:
  Header(const std::span<const std::uint8_t> bytes, const std::filesystem::path& file) : bytes_(bytes), file_(file) {}

  std::int64_t number(const char* const what, const std::int64_t most) {
    skip_space();
    std::int64_t value = 0;
    const std::size_t begin = at_;
    for (; at_ < bytes_.size() && is_digit(bytes_[at_]); ++at_) {
      value = value * 10 + (bytes_[at_] - '0');
      if (value > most) {
        fail(file_, std::string(what) + " is over the limit of " + std::to_string(most) + " (byte " +
                        std::to_string(begin) + "); it is damaged or too large to read.");
      }
    }
    if (at_ == bytes_.size()) fail(file_, "ends within its header; it is cut short, fetch it again.");
    if (value < 1) {
      fail(file_,
           std::string(what) + " must be a positive number (byte " + std::to_string(begin) + "); it is damaged.");
    }
    return value;
  }

  std::span<const std::uint8_t> rest() {  // behind the one white space that ends the header
    if (!is_space(bytes_[at_]))
      fail(file_, "its header does not end at byte " + std::to_string(at_) + "; it is damaged.");
    return bytes_.subspan(at_ + 1);
  }

 private:
  void skip_space() {
    for (; at_ < bytes_.size() && (is_space(bytes_[at_]) || bytes_[at_] == '#'); ++at_) {
      if (bytes_[at_] != '#') continue;
      while (at_ < bytes_.size() && bytes_[at_] != '\n' && bytes_[at_] != '\r') ++at_;
      if (at_ == bytes_.size()) return;
    }
  }

  std::span<const std::uint8_t> bytes_;
  const std::filesystem::path& file_;
  std::size_t at_ = 2;  // behind the magic
};

// Pillow makes bytes of P6 and of P5 up to 255; a larger P5 becomes 16-bit grey, which convert("RGB") cuts off at 255.
std::uint8_t scaled(const std::int64_t value, const std::int64_t largest, const bool grey) {
  const double most = grey && largest > 255 ? 65535.0 : 255.0;
  const double exact = static_cast<double>(value) / static_cast<double>(largest) * most;
  return static_cast<std::uint8_t>(std::min(std::nearbyint(exact), 255.0));  // half to even, as Python's round
}

}  // namespace

Picture decode_pnm(const std::span<const std::uint8_t> bytes, const std::filesystem::path& file) {
  Header header(bytes, file);
  Picture picture;
  picture.width = header.number("the width", kMostPixels);
  picture.height = header.number("the height", kMostPixels);
  const std::int64_t largest = header.number("the largest value", 65535);
  const std::string extents = std::to_string(picture.width) + " x " + std::to_string(picture.height) + " pixels";
  if (picture.width * picture.height > kMostPixels) {
    fail(file, extents + " are over the limit of " + std::to_string(kMostPixels) + "; scale it down.");
  }
  const std::span<const std::uint8_t> data = header.rest();
  const bool grey = bytes[1] == '5';
  const std::int64_t width_of_value = largest > 255 ? 2 : 1;
  const std::int64_t values = picture.width * picture.height * (grey ? 1 : 3);
  const std::int64_t needed = values * width_of_value;
  if (static_cast<std::int64_t>(data.size()) != needed) {
    fail(file, extents + " need " + std::to_string(needed) + " bytes, but " + std::to_string(data.size()) +
                   (static_cast<std::int64_t>(data.size()) < needed
                        ? " follow; it is cut short, fetch it again."
                        : " follow; it is damaged, perhaps by a conversion of line endings."));
  }
  picture.rgb.reserve(static_cast<std::size_t>(picture.width * picture.height * 3));
  for (std::size_t i = 0; i < data.size(); i += static_cast<std::size_t>(width_of_value)) {
    const std::int64_t value = width_of_value == 1 ? data[i] : data[i] * 256 + data[i + 1];
    const std::uint8_t byte = largest == 255 ? data[i] : scaled(value, largest, grey);
    picture.rgb.insert(picture.rgb.end(), grey ? 3 : 1, byte);
  }
  return picture;
}

}  // namespace datasets
