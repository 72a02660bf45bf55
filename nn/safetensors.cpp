// Reading is three steps: the header against the size of the file, the layout of all tensors against the header, and
// only then memory for the elements. So a false length or shape is refused before anything of that size is allocated.
#include "nn/safetensors.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "engine/tensor/atomic_file.hpp"
#include "nn/safetensors_header.hpp"

namespace nn {
namespace {

static_assert(std::endian::native == std::endian::little,
              "the format is little-endian and elements are copied as bytes");

using engine::DType;
using engine::Tensor;

struct FileType {
  std::string_view name;
  std::int64_t bits;
};

constexpr std::array<FileType, 22> kFileTypes = {{
    {"BOOL", 8}, {"U8", 8},          {"I8", 8},          {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8},
    {"I16", 16}, {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}, {"U16", 16},    {"F16", 16},    {"BF16", 16},
    {"I32", 32}, {"U32", 32},        {"F32", 32},        {"I64", 64},    {"U64", 64},    {"F64", 64},
    {"C64", 64}, {"F4", 4},          {"F6_E2M3", 6},     {"F6_E3M2", 6},
}};

using NamedEntry = std::pair<const std::string, HeaderEntry>;

std::string_view file_type(const DType dtype) noexcept {
  return dtype == DType::f32 ? "F32" : dtype == DType::f64 ? "F64" : "I64";
}

template <class T>
std::span<const std::byte> bytes_as(const Tensor& dense) {
  return std::as_bytes(std::span(dense.data<T>(), static_cast<std::size_t>(dense.numel())));
}

std::span<const std::byte> bytes_of(const Tensor& dense) {
  switch (dense.dtype()) {
    case DType::f32:
      return bytes_as<float>(dense);
    case DType::f64:
      return bytes_as<double>(dense);
    case DType::i64:
      break;
  }
  return bytes_as<std::int64_t>(dense);
}

std::span<std::byte> writable_bytes_of(Tensor& tensor) {
  engine::MutableTensor out = tensor.writable();
  const auto bytes = static_cast<std::size_t>(tensor.bytes());
  switch (tensor.dtype()) {
    case DType::f32:
      return {reinterpret_cast<std::byte*>(out.data<float>()), bytes};
    case DType::f64:
      return {reinterpret_cast<std::byte*>(out.data<double>()), bytes};
    case DType::i64:
      break;
  }
  return {reinterpret_cast<std::byte*>(out.data<std::int64_t>()), bytes};
}

// `text` as a JSON string with its quotes. Throws if it is not UTF-8.
std::string json_string(const std::string& text, const std::filesystem::path& file) {
  try {
    return nlohmann::json(text).dump();
  } catch (const nlohmann::json::type_error&) {
    throw safetensors_error(file, "the name or metadata " + shown_name(text) + " is not UTF-8; choose another text.");
  }
}

// The order in the file: larger elements first, so that every tensor is aligned, then by name.
std::vector<const NamedTensors::value_type*> writing_order(const NamedTensors& tensors) {
  std::vector<const NamedTensors::value_type*> order;
  for (const NamedTensors::value_type& named : tensors) order.push_back(&named);
  std::ranges::stable_sort(order, std::ranges::greater(),
                           [](const auto* named) { return engine::size_of(named->second.dtype()); });
  return order;
}

std::string header_text(std::span<const NamedTensors::value_type* const> order, const Metadata& metadata,
                        const std::filesystem::path& file) {
  std::string text = "{";
  if (!metadata.empty()) {
    text += "\"" + std::string(kMetadataKey) + "\":{";
    for (const auto& [key, value] : metadata) text += json_string(key, file) + ":" + json_string(value, file) + ",";
    text.back() = '}';
    text += ",";
  }
  std::int64_t offset = 0;
  for (const auto* named : order) {
    const auto& [name, tensor] = *named;
    if (name == kMetadataKey) {
      throw safetensors_error(file, "'__metadata__' is reserved and cannot name a tensor; choose another name.");
    }
    text += json_string(name, file) + ":{\"dtype\":\"" + std::string(file_type(tensor.dtype())) + "\",\"shape\":[";
    for (const std::int64_t extent : tensor.shape().extents()) text += std::to_string(extent) + ",";
    if (text.back() == ',') text.pop_back();
    text += "],\"data_offsets\":[" + std::to_string(offset) + ",";
    offset += tensor.bytes();
    text += std::to_string(offset) + "]},";
  }
  if (text.back() == ',') text.pop_back();
  text += "}";
  text.resize((text.size() + 7) / 8 * 8, ' ');  // so that the elements begin aligned
  return text;
}

// The input file, with its real size.
class Input {
 public:
  explicit Input(const std::filesystem::path& file) : file_(file) {
    std::error_code error;
    const std::filesystem::file_status status = std::filesystem::status(file, error);
    if (!std::filesystem::exists(status)) {
      throw safetensors_error(file, "cannot be read: " + (error ? error : not_found()).message() + "; check the path.");
    }
    if (!std::filesystem::is_regular_file(status)) {
      throw safetensors_error(file, "is not a file; give the path of the .safetensors file itself.");
    }
    errno = 0;
    stream_.open(file, std::ios::binary);
    if (!stream_) fail_with_reason();
    size_ = std::filesystem::file_size(file, error);
    if (error) throw safetensors_error(file, "cannot be read: " + error.message() + "; check the path.");
  }

  std::uint64_t size() const noexcept { return size_; }

  void read(const std::span<std::byte> out) {
    errno = 0;
    stream_.read(reinterpret_cast<char*>(out.data()), static_cast<std::streamsize>(out.size()));
    if (!stream_) fail_with_reason();
  }

 private:
  static std::error_code not_found() { return std::make_error_code(std::errc::no_such_file_or_directory); }

  [[noreturn]] void fail_with_reason() const {
    const std::string reason = errno != 0 ? std::generic_category().message(errno) : "it became shorter meanwhile";
    throw safetensors_error(file_, "cannot be read: " + reason + "; check the file and its permissions.");
  }

  const std::filesystem::path& file_;
  std::ifstream stream_;
  std::uint64_t size_ = 0;
};

std::string read_header_text(Input& input, const std::filesystem::path& file) {
  constexpr std::uint64_t kPrefix = sizeof(std::uint64_t);
  if (input.size() < kPrefix) {
    throw safetensors_error(file, "a file has at least 8 bytes, this one " + std::to_string(input.size()) +
                                      "; it is empty, cut short or not safetensors.");
  }
  std::uint64_t length = 0;
  input.read(std::as_writable_bytes(std::span(&length, 1)));
  if (length > kMaxHeaderBytes) {
    throw safetensors_error(file, "bytes 0 to 7 announce a header of " + std::to_string(length) +
                                      " bytes, over the limit of " + std::to_string(kMaxHeaderBytes) +
                                      "; the file is damaged or not safetensors.");
  }
  if (length > input.size() - kPrefix) {
    throw safetensors_error(file, "bytes 0 to 7 announce a header of " + std::to_string(length) + " bytes, but only " +
                                      std::to_string(input.size() - kPrefix) + " follow; the file is cut short.");
  }
  std::string text(static_cast<std::size_t>(length), '\0');
  input.read(std::as_writable_bytes(std::span(text)));
  return text;
}

// Bytes of a tensor by its type and shape. Extents of 0 count as 1 in the check: strides are products of extents as
// well.
std::int64_t checked_bytes(const NamedEntry& named, const std::filesystem::path& file) {
  const auto& [name, entry] = named;
  const auto type = std::ranges::find(kFileTypes, entry.dtype, &FileType::name);
  if (type == kFileTypes.end()) {
    throw safetensors_error(file, "tensor " + shown_name(name) + " has the unknown dtype " + shown_name(entry.dtype) +
                                      "; the file is damaged or newer than this reader.");
  }
  std::int64_t bits = type->bits;
  bool overflow = false;
  bool is_empty = false;
  for (const std::int64_t extent : entry.shape) {
    overflow = overflow || __builtin_mul_overflow(bits, std::max<std::int64_t>(extent, 1), &bits);
    is_empty = is_empty || extent == 0;
  }
  if (overflow) {
    throw safetensors_error(file,
                            "tensor " + shown_name(name) + ": the size of its shape overflows; the file is damaged.");
  }
  if (is_empty) return 0;
  if (bits % 8 != 0) {
    throw safetensors_error(file, "tensor " + shown_name(name) + " ends within a byte; the file is damaged.");
  }
  return bits / 8;
}

// The entries in the order of their bytes. Throws unless these fill `data_bytes` from first to last without hole or
// overlap.
std::vector<const NamedEntry*> checked_layout(const SafetensorsHeader& header, const std::uint64_t data_bytes,
                                              const std::filesystem::path& file) {
  std::vector<const NamedEntry*> order;
  for (const NamedEntry& named : header.entries) order.push_back(&named);
  std::ranges::stable_sort(order, {},
                           [](const NamedEntry* named) { return std::pair(named->second.begin, named->second.end); });
  std::int64_t filled = 0;
  for (const NamedEntry* named : order) {
    const auto& [name, entry] = *named;
    const std::string offsets = "[" + std::to_string(entry.begin) + ", " + std::to_string(entry.end) + "]";
    if (entry.begin != filled || entry.end < entry.begin) {
      const std::string_view problem = entry.end < entry.begin ? "end before they begin"
                                       : entry.begin > filled  ? "leave a hole"
                                                               : "overlap another tensor";
      throw safetensors_error(file, "tensor " + shown_name(name) + ": its data_offsets " + offsets + " " +
                                        std::string(problem) + ", byte " + std::to_string(filled) +
                                        " of the data comes next; the file is damaged.");
    }
    const std::int64_t bytes = checked_bytes(*named, file);
    if (entry.end - entry.begin != bytes) {
      throw safetensors_error(file, "tensor " + shown_name(name) + " needs " + std::to_string(bytes) +
                                        " bytes by its shape and dtype " + entry.dtype + ", its data_offsets " +
                                        offsets + " give " + std::to_string(entry.end - entry.begin) +
                                        "; the file is damaged.");
    }
    filled = entry.end;
  }
  if (static_cast<std::uint64_t>(filled) != data_bytes) {
    const bool is_short = static_cast<std::uint64_t>(filled) > data_bytes;
    throw safetensors_error(
        file, "the header describes " + std::to_string(filled) + " bytes of data, the file holds " +
                  std::to_string(data_bytes) +
                  (is_short ? "; it is cut short, fetch it again." : "; it has trailing bytes, fetch it again."));
  }
  return order;
}

// IEEE half precision: sign, 5 bits of exponent with bias 15, 10 of mantissa.
float float_of_f16(const std::uint16_t half) noexcept {
  const std::uint32_t sign = (half & 0x8000u) << 16;
  const std::uint32_t exponent = (half >> 10) & 0x1Fu;
  const std::uint32_t mantissa = half & 0x3FFu;
  if (exponent == 0) {  // subnormal or zero: mantissa · 2^-24, exact in f32
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
    return std::bit_cast<float>(std::bit_cast<std::uint32_t>(magnitude) | sign);
  }
  const std::uint32_t exponent32 = exponent == 31 ? 255 : exponent + (127 - 15);
  return std::bit_cast<float>(sign | exponent32 << 23 | mantissa << 13);
}

// bfloat16 is the upper half of an f32.
float float_of_bf16(const std::uint16_t brain) noexcept {
  return std::bit_cast<float>(static_cast<std::uint32_t>(brain) << 16);
}

Tensor read_widened(Input& input, const engine::Shape& shape, float (*const widen)(std::uint16_t) noexcept) {
  Tensor result = Tensor::empty(shape);
  std::span<float> left(result.writable().data<float>(), static_cast<std::size_t>(result.numel()));
  std::vector<std::uint16_t> block(std::min<std::size_t>(left.size(), 65536));
  while (!left.empty()) {
    const std::span<std::uint16_t> part = std::span(block).first(std::min(block.size(), left.size()));
    input.read(std::as_writable_bytes(part));
    std::ranges::transform(part, left.begin(), widen);
    left = left.subspan(part.size());
  }
  return result;
}

Tensor read_tensor(Input& input, const NamedEntry& named, const std::filesystem::path& file) {
  const auto& [name, entry] = named;
  const engine::Shape shape(entry.shape);
  if (entry.dtype == "F16") return read_widened(input, shape, float_of_f16);
  if (entry.dtype == "BF16") return read_widened(input, shape, float_of_bf16);
  for (const DType dtype : {DType::f32, DType::f64, DType::i64}) {
    if (entry.dtype != file_type(dtype)) continue;
    Tensor result = Tensor::empty(shape, dtype);
    input.read(writable_bytes_of(result));
    return result;
  }
  throw safetensors_error(file, "tensor " + shown_name(name) + " has dtype " + entry.dtype +
                                    ", which is not supported; convert it to F32, F64, I64, F16 or BF16 first.");
}

}  // namespace

void write_safetensors(const std::filesystem::path& path, const NamedTensors& tensors, const Metadata& metadata) {
  const std::vector<const NamedTensors::value_type*> order = writing_order(tensors);
  const std::string header = header_text(order, metadata, path);
  const std::uint64_t length = header.size();
  if (length > kMaxHeaderBytes) {
    throw safetensors_error(path, "the header would have " + std::to_string(length) + " bytes, over the limit of " +
                                      std::to_string(kMaxHeaderBytes) + "; shorten the metadata or split the file.");
  }
  engine::AtomicFile file(path, "safetensors");
  file.write(std::as_bytes(std::span(&length, 1)));
  file.write(std::as_bytes(std::span(header)));
  for (const auto* named : order) {
    const Tensor dense = named->second.contiguous();
    file.write(bytes_of(dense));
  }
  file.commit();
}

SafetensorsFile read_safetensors(const std::filesystem::path& path) {
  Input input(path);
  const std::string text = read_header_text(input, path);
  SafetensorsHeader header = parse_safetensors_header(text, path);
  const std::uint64_t data_bytes = input.size() - sizeof(std::uint64_t) - text.size();
  SafetensorsFile result{{}, std::move(header.metadata)};
  for (const NamedEntry* named : checked_layout(header, data_bytes, path)) {
    result.tensors.emplace(named->first, read_tensor(input, *named, path));
  }
  return result;
}

}  // namespace nn
