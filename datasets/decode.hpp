// Decodes PNG, JPEG, BMP and binary PPM/PGM files. Which it is shows in the first bytes, not in the name.
//
// The pixels are those of Pillow's Image.open(file).convert("RGB"): grey is repeated, palettes are looked up, alpha is
// dropped, EXIF orientation is ignored; 16-bit colour keeps its high bytes, but 16-bit grey is cut off at 255. Lossless
// files agree to the bit. JPEG agrees but for the rounding of the two decoders (tests/datasets/decode_test.cpp has the
// bounds), and with colours halved along one side only (4:2:2) for how they are smoothed: up to 20 levels. What Pillow would read differently or not at all is refused.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>

#include "datasets/picture.hpp"

namespace datasets {

inline constexpr std::int64_t kMostPixels = 100'000'000;        // of one picture
inline constexpr std::uint64_t kMostFileBytes = 1ull << 29;     // of one picture's file
inline constexpr std::uint64_t kMostDecoderBytes = 1ull << 30;  // the decoder may ask for at once, of several times

// `file` is named in the messages. Throws std::runtime_error if the bytes are no picture of these kinds, damaged, cut
// short, or over one of the limits; nothing is allocated for extents over kMostPixels or beyond what so many bytes can
// hold.
Picture decode_picture(std::span<const std::uint8_t> bytes, const std::filesystem::path& file);

Picture read_picture(const std::filesystem::path& file);  // throws as decode_picture; also if it cannot be read

}  // namespace datasets
