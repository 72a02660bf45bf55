// The one translation unit that holds stb's decoders. Around them stands what stb leaves out: the check sums of PNG,
// a notion of "cut short", and bounds on what it may allocate.
#include "datasets/decode.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "datasets/pnm.hpp"
#include "engine/tensor/byte_source.hpp"
#include "engine/tensor/utf8.hpp"

namespace {

// stb treats a null pointer as "out of memory" and fails in good order. Of a damaged file stb 2.27 also reads what it
// never wrote: it shall be zeros, whatever stood there before, so that the same file gives the same pixels.
void* bounded_malloc(const std::size_t bytes) {
  return bytes <= datasets::kMostDecoderBytes ? std::calloc(1, bytes) : nullptr;
}
void* bounded_realloc(void* const old, const std::size_t bytes) {
  return bytes <= datasets::kMostDecoderBytes ? std::realloc(old, bytes) : nullptr;
}

}  // namespace

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#pragma GCC diagnostic ignored "-Wunused-function"
#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC  // other libraries of a program may bring their own copy
#define STBI_MALLOC bounded_malloc
#define STBI_REALLOC bounded_realloc
#define STBI_FREE std::free
#define STBI_ONLY_PNG
#define STBI_ONLY_JPEG
#define STBI_ONLY_BMP
#define STBI_NO_STDIO
#include <stb/stb_image.h>
#pragma GCC diagnostic pop

namespace datasets {
namespace {

using Bytes = std::span<const std::uint8_t>;

[[noreturn]] void fail(const std::filesystem::path& file, const std::string& problem) {
  throw std::runtime_error("[decode] " + file.string() + ": " + problem);
}

bool has_at(const Bytes bytes, const std::size_t at, const std::string_view text) {
  return bytes.size() >= at + text.size() &&
         std::equal(text.begin(), text.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at),
                    [](const char a, const std::uint8_t b) { return static_cast<std::uint8_t>(a) == b; });
}

enum class Kind { png, jpeg, bmp, pnm };

Kind kind_of(const Bytes bytes, const std::filesystem::path& file) {
  if (bytes.empty()) fail(file, "is empty; fetch it again.");
  if (has_at(bytes, 0, "\x89PNG\r\n\x1A\n")) return Kind::png;
  if (has_at(bytes, 0, "\xFF\xD8\xFF")) return Kind::jpeg;
  if (has_at(bytes, 0, "BM")) return Kind::bmp;
  if (has_at(bytes, 0, "P5") || has_at(bytes, 0, "P6")) return Kind::pnm;
  struct Other {
    std::size_t at;
    std::string_view magic;
    const char* name;
  };
  constexpr Other kOthers[] = {{0, "GIF8", "a GIF"},     {0, "II*", "a TIFF"},           {0, "MM", "a TIFF"},
                               {8, "WEBP", "a WebP"},    {4, "ftyp", "an AVIF or HEIC"}, {0, "<", "a web page or SVG"},
                               {0, "P1", "a plain PNM"}, {0, "P2", "a plain PNM"},       {0, "P3", "a plain PNM"},
                               {0, "P4", "a PBM"}};
  for (const Other& other : kOthers) {
    if (has_at(bytes, other.at, other.magic)) {
      fail(file, std::string("looks like ") + other.name + " file; convert it to PNG, JPEG, BMP or binary PPM.");
    }
  }
  fail(file, "is no PNG, JPEG, BMP or binary PPM file; it is of another kind or damaged.");
}

// stb reads from memory through this, so that it shows whether it asked for more than there is.
struct Reader {
  Bytes unread;
  bool past_end = false;
};

int read_bytes(void* const user, char* const out, const int size) {
  Reader& reader = *static_cast<Reader*>(user);
  const std::size_t count = std::min(reader.unread.size(), static_cast<std::size_t>(size));
  std::memcpy(out, reader.unread.data(), count);
  reader.unread = reader.unread.subspan(count);
  reader.past_end = reader.past_end || count == 0;
  return static_cast<int>(count);
}

void skip_bytes(void* const user, const int size) {  // stb never goes back through this
  Reader& reader = *static_cast<Reader*>(user);
  reader.unread = reader.unread.subspan(std::min(reader.unread.size(), static_cast<std::size_t>(std::max(size, 0))));
}

int at_end(void* const user) { return static_cast<Reader*>(user)->unread.empty() ? 1 : 0; }

constexpr stbi_io_callbacks kCallbacks = {read_bytes, skip_bytes, at_end};

std::uint32_t big_endian(const Bytes bytes, const std::size_t at, const std::size_t count) {
  std::uint32_t number = 0;
  for (std::size_t i = at; i < at + count; ++i) number = number << 8 | bytes[i];
  return number;
}

void check_extents(const std::int64_t width, const std::int64_t height, const std::filesystem::path& file) {
  if (width >= 1 && height >= 1 && width <= kMostPixels && height <= kMostPixels && width * height <= kMostPixels)
    return;
  fail(file, std::to_string(width) + " x " + std::to_string(height) + " pixels are not in 1 .. " +
                 std::to_string(kMostPixels) + "; scale it down.");
}

[[noreturn]] void fail_cut_short(const Bytes bytes, const std::filesystem::path& file) {
  fail(file, "ends after " + std::to_string(bytes.size()) +
                 " bytes, before the end of the picture; it is cut short, fetch it again.");
}

// Decoders take memory, and time for every scan, by the announced extents: these must be such as the file can hold.
[[noreturn]] void fail_too_many(const std::uint64_t width, const std::uint64_t height, const Bytes bytes,
                                const std::filesystem::path& file) {
  fail(file, "announces " + std::to_string(width) + " x " + std::to_string(height) + " pixels, more than its " +
                 std::to_string(bytes.size()) + " bytes can hold; it is cut short, fetch it again.");
}

// Chunks of a PNG [w3.org/TR/png, 5.3]: length, type, data, CRC of type and data. The last is IEND.
void check_png(const Bytes bytes, const std::filesystem::path& file) {
  constexpr std::size_t kFrame = 12;          // bytes of a chunk without its data
  constexpr std::uint64_t kExpansion = 1032;  // deflate's best
  if (bytes.size() < 26) fail_cut_short(bytes, file);
  if (!has_at(bytes, 12, "IHDR")) fail(file, "does not begin with IHDR; it is damaged or of Apple's own kind.");
  const std::uint64_t width = big_endian(bytes, 16, 4);
  const std::uint64_t height = big_endian(bytes, 20, 4);
  check_extents(static_cast<std::int64_t>(width), static_cast<std::int64_t>(height), file);
  constexpr std::uint64_t kChannels[] = {1, 1, 3, 1, 2, 1, 4, 1};  // by colour type
  const std::uint64_t least = height * ((width * bytes[24] * kChannels[bytes[25] & 7u] + 7) / 8);
  std::uint64_t packed = 0;
  for (std::size_t at = 8; at + kFrame <= bytes.size();) {
    const std::size_t length = big_endian(bytes, at, 4);
    if (length > bytes.size() - at - kFrame) break;
    const auto found = static_cast<std::uint32_t>(crc32(0, bytes.data() + at + 4, static_cast<uInt>(length + 4)));
    if (found != big_endian(bytes, at + 8 + length, 4)) {
      fail(file,
           "the chunk at byte " + std::to_string(at) + " does not match its check sum; it is damaged, fetch it again.");
    }
    // Named here, for stb names it in a text that all threads share. A small first letter: a chunk that may be skipped.
    const bool is_known = std::ranges::any_of(std::array{"IHDR", "PLTE", "IDAT", "IEND"},
                                              [&](const char* const name) { return has_at(bytes, at + 4, name); });
    if (!is_known && (bytes[at + 4] & 0x20) == 0) {
      const auto name = bytes.begin() + static_cast<std::ptrdiff_t>(at) + 4;
      fail(file, "has at byte " + std::to_string(at) + " a chunk " + engine::shown(std::string(name, name + 4)) +
                     " that must be known and is not; it is damaged or of a rare kind.");
    }
    if (has_at(bytes, at + 4, "IDAT")) packed += length;
    if (has_at(bytes, at + 4, "IEND")) {
      if (least > packed * kExpansion) fail_too_many(width, height, bytes, file);
      return;
    }
    at += length + kFrame;
  }
  fail_cut_short(bytes, file);
}

// Which tables of a JPEG the segments so far have defined.
struct JpegTables {
  std::array<bool, 256> huffman{};  // by class, 0 of DC and 1 of AC, times 16, and number
  std::array<bool, 16> quantization{};
};

// Each table: class and number in a byte, how many codes there are of 1 .. 16 bits, and their values [B.2.4.2]. stb 2.27
// writes behind the 256 places of its own table if there are more, and takes the one with the number 255 for none. It
// reads a table that begins inside the segment to its end, and zeros behind the end of the file.
void read_huffman_tables(const Bytes bytes, std::size_t at, std::int64_t left, JpegTables& tables,
                         const std::filesystem::path& file) {
  constexpr std::size_t kCounts = 16;
  constexpr std::size_t kMostCodes = 255;  // a picture of 8 bits needs 176 at most
  while (left > 0 && at < bytes.size()) {
    std::size_t codes = 0;
    for (std::size_t i = at + 1; i < std::min(at + 1 + kCounts, bytes.size()); ++i) codes += bytes[i];
    if (codes > kMostCodes) {
      fail(file, "the Huffman table at byte " + std::to_string(at) + " has " + std::to_string(codes) +
                     " codes instead of " + std::to_string(kMostCodes) + " at most; it is damaged.");
    }
    tables.huffman[bytes[at]] = true;
    at += 1 + kCounts + codes;
    left -= static_cast<std::int64_t>(1 + kCounts + codes);
  }
}

// Each table: bytes a value less 1, and number, in a byte; 64 values [B.2.4.1].
void read_quantization_tables(const Bytes bytes, std::size_t at, std::int64_t left, JpegTables& tables) {
  while (left > 0 && at < bytes.size()) {
    tables.quantization[bytes[at] & 15u] = true;
    const std::size_t size = bytes[at] < 16 ? 1 + 64 : 1 + 128;
    at += size;
    left -= static_cast<std::int64_t>(size);
  }
}

// A table that is missing stb 2.27 takes from the memory it was given. A frame [B.2.2] tells in three bytes for each
// component its identifier and, last, its quantization table. A scan [B.2.3] tells how many components it has, in two
// bytes for each its identifier and its tables for DC and AC, then the first coefficient, the last, and the bits done.
void check_scan(const Bytes bytes, const std::size_t frame, const std::size_t at, const JpegTables& tables,
                const std::filesystem::path& file) {
  const auto byte = [&](const std::size_t i) { return i < bytes.size() ? std::size_t{bytes[i]} : 0; };
  const auto need = [&](const bool defined, const char* const kind, const std::size_t number) {
    if (defined) return;
    fail(file, "the scan at byte " + std::to_string(at) + " needs " + kind + " table " + std::to_string(number) +
                   ", which nothing before it defines; it is damaged or of a film (MJPEG), save it anew.");
  };
  const std::size_t count = byte(at + 4);
  const std::size_t first = byte(at + 5 + 2 * count);
  const bool refines = byte(at + 7 + 2 * count) >= 16;
  const bool progressive = bytes[frame + 1] == 0xC2;
  for (std::size_t scanned = at + 5; scanned < at + 5 + 2 * count; scanned += 2) {
    const std::size_t dc = byte(scanned + 1) / 16;
    const std::size_t ac = byte(scanned + 1) % 16;
    need(tables.huffman[dc] || (progressive && (first > 0 || refines)), "DC Huffman", dc);
    need(tables.huffman[16 + ac] || (progressive && first == 0), "AC Huffman", ac);
    for (std::size_t i = 0; i < byte(frame + 9); ++i) {
      if (byte(frame + 10 + 3 * i) != byte(scanned)) continue;
      const std::size_t number = byte(frame + 12 + 3 * i);
      need(number < tables.quantization.size() && tables.quantization[number], "quantization", number);
    }
  }
}

// libjpeg and stb disagree about four channels without an Adobe segment: CMYK for the one, YCbCr and a rest for the
// other. Segments of a JPEG [ITU T.81, B.1.1.4]: FF, marker, length (which counts itself), data.
void check_jpeg(const Bytes bytes, const std::filesystem::path& file) {
  constexpr std::uint64_t kPixelsOfByte = 2048;  // a block of 8 · 8 has a bit or more, and sampling may leave 1 of 4
  constexpr int kMostScans = 100;                // progressive files have about ten
  JpegTables tables;
  std::size_t frame = 0;
  bool adobe = false;
  int scans = 0;
  for (std::size_t at = 2; at + 4 <= bytes.size();) {
    if (bytes[at] != 0xFF) {  // of the picture, or what stb passes over
      ++at;
      continue;
    }
    const std::uint8_t marker = bytes[at + 1];
    if (marker == 0xFF) {  // fill byte
      ++at;
      continue;
    }
    if (marker == 0xD9) return;                                  // the end
    if (marker == 0x00 || (marker >= 0xD0 && marker <= 0xD7)) {  // of the picture: FF itself, or a restart
      at += 2;
      continue;
    }
    if (marker == 0xDA && ++scans > kMostScans) {
      fail(file, "has over " + std::to_string(kMostScans) + " scans; it is damaged or means harm, save it anew.");
    }
    const std::size_t length = big_endian(bytes, at + 2, 2);
    const std::int64_t left = static_cast<std::int64_t>(length) - 2;
    if (marker == 0xC4) read_huffman_tables(bytes, at + 4, left, tables, file);
    if (marker == 0xDB) read_quantization_tables(bytes, at + 4, left, tables);
    if (marker == 0xDA && frame > 0) check_scan(bytes, frame, at, tables, file);
    adobe = adobe || (marker == 0xEE && has_at(bytes, at + 4, "Adobe"));
    const bool is_frame = marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
    if (is_frame && at + 10 > bytes.size()) fail_cut_short(bytes, file);
    if (is_frame) {
      frame = at;
      const std::uint64_t height = big_endian(bytes, at + 5, 2);
      const std::uint64_t width = big_endian(bytes, at + 7, 2);
      check_extents(static_cast<std::int64_t>(width), static_cast<std::int64_t>(height), file);
      if (width * height > kPixelsOfByte * bytes.size()) fail_too_many(width, height, bytes, file);
    }
    if (is_frame && bytes[at + 9] == 4 && !adobe) {
      fail(file, "has four colour channels without saying which; save it as RGB.");
    }
    at += 2 + length;
  }
}

void check_bmp(const Bytes bytes, const std::filesystem::path& file) {
  constexpr std::size_t kHeaderSizeAt = 14;
  constexpr std::size_t kBitsAt = 28;  // but for the oldest header, of 12 bytes
  if (bytes.size() > kBitsAt && bytes[kHeaderSizeAt] != 12 && bytes[kBitsAt] == 16) {
    fail(file, "is a BMP of 16 bits a pixel; save it with 24.");
  }
  if (bytes.size() > kBitsAt && bytes[kHeaderSizeAt] == 12 && bytes[24] < 24) {  // stb 2.27 loses four of its colours
    fail(file, "is a BMP of OS/2 with a palette; save it with 24 bits a pixel.");
  }
  Reader reader{bytes};
  int width = 0;
  int height = 0;
  int channels = 0;
  const bool known = stbi_info_from_callbacks(&kCallbacks, &reader, &width, &height, &channels) != 0;
  if (reader.past_end) fail_cut_short(bytes, file);  // stb takes what is missing for zeros, and may well succeed
  if (!known) fail(file, "is a BMP of a rare kind or damaged; save it with 24 bits a pixel, uncompressed.");
  const std::int64_t rows = std::abs(static_cast<std::int64_t>(height));  // rows may be counted downwards
  check_extents(width, rows, file);
  const std::int64_t row_bits = std::int64_t{width} * bytes[bytes[kHeaderSizeAt] == 12 ? 24 : kBitsAt];
  if ((rows - 1) * ((row_bits + 31) / 32 * 4) + (row_bits + 7) / 8 > static_cast<std::int64_t>(bytes.size())) {
    fail_cut_short(bytes, file);
  }
}

struct FreePixels {
  void operator()(void* const pixels) const { std::free(pixels); }
};

Picture decode_by_stb(const Bytes bytes, const std::filesystem::path& file) {
  Reader reader{bytes};
  int width = 0;
  int height = 0;
  int channels = 0;
  const bool grey16 = stbi_is_16_bit_from_callbacks(&kCallbacks, &reader) != 0 && [&] {
    reader = {bytes};
    return stbi_info_from_callbacks(&kCallbacks, &reader, &width, &height, &channels) != 0 && channels == 1;
  }();
  reader = {bytes};
  std::unique_ptr<void, FreePixels> pixels;
  if (grey16) {
    pixels.reset(stbi_load_16_from_callbacks(&kCallbacks, &reader, &width, &height, &channels, 1));
  } else {
    pixels.reset(stbi_load_from_callbacks(&kCallbacks, &reader, &width, &height, &channels, 3));
  }
  if (reader.past_end) fail_cut_short(bytes, file);
  if (!pixels) {
    std::string reason = stbi_failure_reason();  // may quote bytes of the file
    std::ranges::replace_if(
        reason, [](const char c) { return c < ' ' || c > '~'; }, '?');
    fail(file, "cannot be decoded (" + reason + "); it is damaged or of a rare kind.");
  }

  Picture picture{height, width, {}};
  const std::size_t count = static_cast<std::size_t>(picture.height * picture.width);
  if (grey16) {
    const auto* const values = static_cast<const std::uint16_t*>(pixels.get());
    picture.rgb.reserve(3 * count);
    for (std::size_t i = 0; i < count; ++i) {
      picture.rgb.insert(picture.rgb.end(), 3, static_cast<std::uint8_t>(std::min<std::uint16_t>(values[i], 255)));
    }
  } else {
    const auto* const values = static_cast<const std::uint8_t*>(pixels.get());
    picture.rgb.assign(values, values + 3 * count);
  }
  return picture;
}

}  // namespace

Picture decode_picture(const std::span<const std::uint8_t> bytes, const std::filesystem::path& file) {
  const Kind kind = kind_of(bytes, file);
  if (kind == Kind::pnm) return decode_pnm(bytes, file);
  if (kind == Kind::bmp) check_bmp(bytes, file);
  if (kind == Kind::jpeg) check_jpeg(bytes, file);
  if (kind == Kind::png) check_png(bytes, file);
  return decode_by_stb(bytes, file);
}

Picture read_picture(const std::filesystem::path& file) {
  return decode_picture(engine::ByteSource(file, "decode").read_all(kMostFileBytes), file);
}

}  // namespace datasets
