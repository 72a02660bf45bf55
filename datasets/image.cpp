// The one translation unit that holds stb's PNG encoder.
#include "datasets/image.hpp"

#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/tensor/atomic_file.hpp"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC  // other libraries of a program may bring their own copy
#include <stb/stb_image_write.h>
#pragma GCC diagnostic pop

namespace datasets {
namespace {

// stb hands over the whole file at once; it is kept so that no exception passes through stb, which would lose its
// buffer.
void collect(void* const png, void* const data, const int size) {
  const auto* const bytes = static_cast<const std::byte*>(data);
  static_cast<std::vector<std::byte>*>(png)->assign(bytes, bytes + size);
}

}  // namespace

void write_png(const std::filesystem::path& path, const std::int64_t width, const std::int64_t height,
               const std::span<const std::uint8_t> rgb) {
  if (width < 1 || height < 1 || width > kMostPngBytes || height > kMostPngBytes / (3 * width + 1) ||
      static_cast<std::int64_t>(rgb.size()) != width * height * 3) {
    throw std::invalid_argument("[write_png] " + path.string() +
                                ": required [height, width, 3] bytes, at most a thousand million; arrived " +
                                std::to_string(rgb.size()) + " bytes for width " + std::to_string(width) + ", height " +
                                std::to_string(height) + ".");
  }
  std::vector<std::byte> png;
  if (stbi_write_png_to_func(collect, &png, static_cast<int>(width), static_cast<int>(height), 3, rgb.data(),
                             static_cast<int>(width * 3)) == 0) {
    throw std::runtime_error("[write_png] " + path.string() + ": not enough memory to encode " + std::to_string(width) +
                             " x " + std::to_string(height) + " pixels.");
  }
  engine::AtomicFile file(path, "write_png");
  file.write(png);
  file.commit();
}

}  // namespace datasets
