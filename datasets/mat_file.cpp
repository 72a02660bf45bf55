#include "datasets/mat_file.hpp"

#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <utility>

#include "engine/tensor/byte_source.hpp"

namespace datasets {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::uint64_t kMostFileBytes = 1ull << 32;
constexpr std::uint64_t kMostUnpacked = 1ull << 32;
constexpr std::uint64_t kMostExpansion = 1032;  // deflate's best
constexpr std::int64_t kMostCells = 1'000'000;
constexpr int kMostLevels = 32;
constexpr std::int64_t kMostNumbers = 1 << 27;  // kept as double, so 1 GiB

enum Type : std::uint32_t {
  kInt8 = 1,
  kUint8,
  kInt16,
  kUint16,
  kInt32,
  kUint32,
  kSingle,
  kDouble = 9,
  kInt64 = 12,
  kUint64,
  kMatrix,
  kCompressed,
  kUtf8,
  kUtf16
};
enum Class : std::uint32_t {
  kCellClass = 1,
  kStructClass,
  kCharClass = 4,
  kDoubleClass = 6,
  kUint8Class = 9,
  kLastClass = 15
};

template <typename Value>
Value value_at(const Bytes bytes, const std::size_t at) {  // little-endian, as we are
  Value value;
  std::memcpy(&value, bytes.data() + at, sizeof(Value));
  return value;
}

struct Element {
  std::uint32_t type = 0;
  Bytes data;
};

class Reader {
 public:
  explicit Reader(const std::filesystem::path& file) : file_(file) {}

  [[noreturn]] void fail(const std::string& problem) const {
    throw std::runtime_error("[mat] " + file_.string() + ": " + problem);
  }

  Element next(Bytes& bytes) const {
    if (bytes.size() < 8) fail("ends within an element; it is cut short, fetch it again.");
    const auto first = value_at<std::uint32_t>(bytes, 0);
    if (first >> 16 != 0) {  // a small element: size and type share four bytes
      const std::size_t size = first >> 16;
      if (size > 4) fail("holds a small element of " + std::to_string(size) + " bytes; it is damaged.");
      const Element element{first & 0xFFFFu, bytes.subspan(4, size)};
      bytes = bytes.subspan(8);
      return element;
    }
    const std::size_t size = value_at<std::uint32_t>(bytes, 4);
    if (size > bytes.size() - 8) {
      fail("announces an element of " + std::to_string(size) + " bytes where " + std::to_string(bytes.size() - 8) +
           " are left; it is cut short or damaged.");
    }
    const Element element{first, bytes.subspan(8, size)};
    const std::size_t padded = first == kCompressed ? size : (size + 7) / 8 * 8;
    bytes = bytes.subspan(std::min(8 + padded, bytes.size()));
    return element;
  }

  // The one element inside a packed one, tag included.
  std::vector<std::uint8_t> unpack(const Bytes packed) {
    z_stream zlib{};
    if (inflateInit(&zlib) != Z_OK) throw std::bad_alloc();
    const std::unique_ptr<z_stream, int (*)(z_stream*)> closer(&zlib, inflateEnd);
    zlib.next_in = const_cast<Bytef*>(packed.data());
    zlib.avail_in = static_cast<uInt>(packed.size());
    const auto fill = [&](const std::span<std::uint8_t> out) {
      zlib.next_out = out.data();
      zlib.avail_out = static_cast<uInt>(out.size());
      const int status = inflate(&zlib, Z_SYNC_FLUSH);
      if (zlib.avail_out != 0) {
        fail(std::string("a packed element is damaged (") + (zlib.msg != nullptr ? zlib.msg : "it ends early") + ").");
      }
      return status;
    };
    std::vector<std::uint8_t> bytes(8);
    fill(bytes);
    const std::uint64_t size = value_at<std::uint32_t>(bytes, 4);
    unpacked_ += size;
    if (size > packed.size() * kMostExpansion || unpacked_ > kMostUnpacked) {
      fail("announces a packed element of " + std::to_string(size) +
           " bytes, more than it can hold or than 4 GiB in all.");
    }
    bytes.resize(8 + size);
    int status = fill(std::span(bytes).subspan(8));
    std::uint8_t extra = 0;
    if (status == Z_OK) {  // the check sum comes after the last byte
      zlib.next_out = &extra;
      zlib.avail_out = 1;
      status = inflate(&zlib, Z_FINISH);
    }
    if (status != Z_STREAM_END) fail("a packed element does not end where it should; it is damaged.");
    return bytes;
  }

  std::pair<std::string, MatArray> matrix(Bytes bytes, const int level) {
    MatArray array;
    if (level > kMostLevels) fail("holds over " + std::to_string(kMostLevels) + " levels of cells.");
    count_cells(1);
    if (bytes.empty()) return {"", std::move(array)};  // how an empty cell may be written
    const Element flags = next(bytes);
    if (flags.type != kUint32 || flags.data.size() != 8) fail("a matrix does not begin with its flags; it is damaged.");
    const auto word = value_at<std::uint32_t>(flags.data, 0);
    const std::uint32_t kind = word & 0xFFu;
    if ((word & 0x0800u) != 0) fail("holds complex numbers, which are not read.");
    const Element extents = next(bytes);
    if (extents.type != kInt32) fail("a matrix has no extents; it is damaged.");
    array.extents = extents_of(extents.data);
    const Element name = next(bytes);
    if (kind == kCellClass) {
      read_cells(array, bytes, array.count(), level);
    } else if (kind == kStructClass) {
      read_struct(array, bytes, level);
    } else if (kind == kCharClass) {
      array.text = text_of(next(bytes));
    } else if (kind >= kDoubleClass && kind <= kLastClass) {
      read_numbers(array, next(bytes), kind == kUint8Class);
    } else {
      fail("holds an array of class " + std::to_string(kind) + " (sparse, object or unknown), which is not read.");
    }
    return {std::string(name.data.begin(), name.data.end()), std::move(array)};
  }

 private:
  // Before memory is taken for them.
  void count_cells(const std::int64_t more) {
    if (more > kMostCells - cells_) fail("holds over a million cells.");
    cells_ += more;
  }

  std::vector<std::int64_t> extents_of(const Bytes data) const {
    std::vector<std::int64_t> extents;
    std::int64_t product = 1;
    for (std::size_t at = 0; at + 4 <= data.size(); at += 4) {
      extents.push_back(value_at<std::int32_t>(data, at));
      if (extents.back() < 0 || (product != 0 && extents.back() > static_cast<std::int64_t>(kMostUnpacked) / product)) {
        fail("a matrix has extents that no file can hold; it is damaged.");
      }
      product *= extents.back();
    }
    if (extents.size() < 2) fail("a matrix has fewer than two extents; it is damaged.");
    return extents;
  }

  void read_cells(MatArray& array, Bytes& bytes, const std::int64_t count, const int level) {
    constexpr std::int64_t kLeast = 8;  // bytes of an empty cell
    if (count > static_cast<std::int64_t>(bytes.size()) / kLeast) {
      fail("announces " + std::to_string(count) + " cells in " + std::to_string(bytes.size()) +
           " bytes; it is damaged.");
    }
    if (count > kMostCells - cells_) fail("holds over a million cells.");
    array.cells.reserve(static_cast<std::size_t>(count));
    for (std::int64_t i = 0; i < count; ++i) {
      const Element cell = next(bytes);
      if (cell.type != kMatrix) fail("a cell is no matrix; it is damaged.");
      array.cells.push_back(matrix(cell.data, level + 1).second);
    }
  }

  void read_struct(MatArray& array, Bytes& bytes, const int level) {
    const Element length = next(bytes);
    if (length.type != kInt32 || length.data.size() != 4) fail("a struct has no field names; it is damaged.");
    const auto step = static_cast<std::size_t>(value_at<std::uint32_t>(length.data, 0));
    const Element names = next(bytes);
    if (step == 0 || names.data.size() % step != 0) fail("a struct's field names have no length; it is damaged.");
    count_cells(static_cast<std::int64_t>(names.data.size() / step));
    for (std::size_t at = 0; at < names.data.size(); at += step) {
      const Bytes name = names.data.subspan(at, step);
      array.fields.emplace_back(name.begin(), std::ranges::find(name, std::uint8_t{0}));
    }
    const auto fields = static_cast<std::int64_t>(array.fields.size());
    if (fields != 0 && array.count() > kMostCells / fields) fail("holds over a million cells.");
    read_cells(array, bytes, array.count() * fields, level);
  }

  // Numbers may be stored in a smaller type than their class.
  void read_numbers(MatArray& array, const Element& element, const bool as_bytes) {
    const Bytes data = element.data;
    const bool stays_bytes = as_bytes && (element.type == kInt8 || element.type == kUint8);
    if (!stays_bytes) {
      if (array.count() > kMostNumbers - numbers_) {
        fail("holds over " + std::to_string(kMostNumbers) + " numbers that are no bytes.");
      }
      numbers_ += array.count();
    }
    const auto convert = [&]<typename Value>(Value) {
      const auto count = static_cast<std::int64_t>(data.size() / sizeof(Value));
      if (count != array.count() || data.size() % sizeof(Value) != 0) {
        fail("an array of " + std::to_string(array.count()) + " numbers has " + std::to_string(data.size()) +
             " bytes; it is damaged.");
      }
      if (stays_bytes) {
        array.bytes.assign(data.begin(), data.end());
        return;
      }
      array.numbers.reserve(static_cast<std::size_t>(count));
      for (std::size_t at = 0; at < data.size(); at += sizeof(Value)) {
        array.numbers.push_back(static_cast<double>(value_at<Value>(data, at)));
      }
    };
    switch (element.type) {
      case kInt8:
        return convert(std::int8_t{});
      case kUint8:
        return convert(std::uint8_t{});
      case kInt16:
        return convert(std::int16_t{});
      case kUint16:
        return convert(std::uint16_t{});
      case kInt32:
        return convert(std::int32_t{});
      case kUint32:
        return convert(std::uint32_t{});
      case kSingle:
        return convert(float{});
      case kDouble:
        return convert(double{});
      case kInt64:
        return convert(std::int64_t{});
      case kUint64:
        return convert(std::uint64_t{});
      default:
        fail("holds numbers of the unknown type " + std::to_string(element.type) + "; it is damaged.");
    }
  }

  // Bytes as they are, UTF-16 as UTF-8 (without surrogates, which no name has).
  std::string text_of(const Element& element) const {
    const Bytes data = element.data;
    if (element.type != kUint16 && element.type != kUtf16) return {data.begin(), data.end()};
    std::string text;
    for (std::size_t at = 0; at + 2 <= data.size(); at += 2) {
      const auto code = value_at<std::uint16_t>(data, at);
      if (code < 0x80) {
        text += static_cast<char>(code);
      } else if (code < 0x800) {
        text += static_cast<char>(0xC0 | code >> 6);
        text += static_cast<char>(0x80 | (code & 0x3F));
      } else {
        text += static_cast<char>(0xE0 | code >> 12);
        text += static_cast<char>(0x80 | (code >> 6 & 0x3F));
        text += static_cast<char>(0x80 | (code & 0x3F));
      }
    }
    return text;
  }

  const std::filesystem::path& file_;
  std::uint64_t unpacked_ = 0;
  std::int64_t cells_ = 0;
  std::int64_t numbers_ = 0;  // of all arrays together
};

}  // namespace

std::int64_t MatArray::count() const noexcept {
  std::int64_t product = extents.empty() ? 0 : 1;
  for (const std::int64_t extent : extents) product *= extent;
  return product;
}

double MatArray::number(const std::int64_t index) const {
  const auto at = static_cast<std::size_t>(index);
  return bytes.empty() ? numbers.at(at) : static_cast<double>(bytes.at(at));
}

const MatArray* MatArray::field(const std::int64_t index, const std::string_view name) const {
  const auto found = std::ranges::find(fields, name);
  if (found == fields.end() || index < 0 || index >= count()) return nullptr;
  const auto at = index * static_cast<std::int64_t>(fields.size()) + (found - fields.begin());
  return &cells[static_cast<std::size_t>(at)];
}

std::map<std::string, MatArray> read_mat(const std::filesystem::path& file) {
  constexpr std::size_t kHeader = 128;
  const std::vector<std::uint8_t> content = engine::ByteSource(file, "mat").read_all(kMostFileBytes);
  Reader reader(file);
  Bytes bytes(content);
  if (bytes.size() < kHeader) reader.fail("ends within its header; it is cut short or of another kind.");
  if (value_at<std::uint16_t>(bytes, 124) == 0x0200) {
    reader.fail("is a MATLAB 7.3 (HDF5) file; save it with the option -v7.");
  }
  if (value_at<std::uint16_t>(bytes, 124) != 0x0100 || value_at<std::uint16_t>(bytes, 126) != 0x4D49) {
    reader.fail("is no little-endian MATLAB 5 file; it is damaged or of another kind.");
  }
  std::map<std::string, MatArray> variables;
  for (bytes = bytes.subspan(kHeader); !bytes.empty();) {
    Element element = reader.next(bytes);
    std::vector<std::uint8_t> unpacked;
    if (element.type == kCompressed) {
      unpacked = reader.unpack(element.data);
      Bytes inside(unpacked);
      element = reader.next(inside);
    }
    if (element.type != kMatrix) continue;  // nothing we read
    variables.insert(reader.matrix(element.data, 1));
  }
  return variables;
}

}  // namespace datasets
