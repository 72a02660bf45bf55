// The header against the size of the file, then the layout of all tensors against the header: a false length or shape is
// refused before anything of that size is allocated.
#include "nn/safetensors_input.hpp"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string_view>
#include <system_error>

#include "nn/safetensors_elements.hpp"

namespace nn {
namespace {

using NamedEntry = CheckedHeader::NamedEntry;

std::string read_header_text(SafetensorsInput& input, const std::filesystem::path& file) {
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
  const std::optional<std::int64_t> type = element_bits(entry.dtype);
  if (!type.has_value()) {
    throw safetensors_error(file, "tensor " + shown_name(name) + " has the unknown dtype " + shown_name(entry.dtype) +
                                      "; the file is damaged or newer than this reader.");
  }
  std::int64_t bits = *type;
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

}  // namespace

SafetensorsInput::SafetensorsInput(const std::filesystem::path& file) : file_(file) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(file, error);
  if (!std::filesystem::exists(status)) {
    throw safetensors_error(
        file,
        "cannot be read: " + (error ? error : std::make_error_code(std::errc::no_such_file_or_directory)).message() +
            "; check the path.");
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

void SafetensorsInput::read(const std::span<std::byte> out) {
  errno = 0;
  stream_.read(reinterpret_cast<char*>(out.data()), static_cast<std::streamsize>(out.size()));
  if (!stream_) fail_with_reason();
}

void SafetensorsInput::fail_with_reason() const {
  const std::string reason = errno != 0 ? std::generic_category().message(errno) : "it became shorter meanwhile";
  throw safetensors_error(file_, "cannot be read: " + reason + "; check the file and its permissions.");
}

CheckedHeader read_checked_header(SafetensorsInput& input, const std::filesystem::path& file) {
  const std::string text = read_header_text(input, file);
  CheckedHeader checked{parse_safetensors_header(text, file), {}, sizeof(std::uint64_t) + text.size()};
  checked.order = checked_layout(checked.header, input.size() - checked.data_begin, file);
  return checked;
}

}  // namespace nn
