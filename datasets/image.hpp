// Writing pictures for people: contact sheets and figures.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>

namespace datasets {

inline constexpr std::int64_t kMostPngBytes = 1'000'000'000;  // (3 · width + 1) · height: stb counts them in int

// Writes an RGB image, rgb [height, width, 3] row by row, as a PNG file. The file appears complete or not at all: it is
// written under a temporary name next to `path` and then renamed. Throws std::invalid_argument if the extents do not
// match or are larger, std::runtime_error (naming the file) if it cannot be written.
void write_png(const std::filesystem::path& path, std::int64_t width, std::int64_t height,
               std::span<const std::uint8_t> rgb);

}  // namespace datasets
