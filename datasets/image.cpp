// The one translation unit that holds stb's PNG encoder.
#include "datasets/image.hpp"

#include <limits>
#include <stdexcept>
#include <string>
#include <system_error>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC  // other libraries of a program may bring their own copy
#include <stb/stb_image_write.h>
#pragma GCC diagnostic pop

namespace datasets {

void write_png(const std::filesystem::path& path, const std::int64_t width, const std::int64_t height,
               const std::span<const std::uint8_t> rgb) {
  constexpr std::int64_t kLargest = std::numeric_limits<int>::max() / 4;  // stb counts bytes of a row in int
  if (width < 1 || height < 1 || width > kLargest || height > kLargest ||
      static_cast<std::int64_t>(rgb.size()) != width * height * 3) {
    throw std::invalid_argument("[write_png] " + path.string() + ": required [height, width, 3] bytes; arrived " +
                                std::to_string(rgb.size()) + " bytes for width " + std::to_string(width) + ", height " +
                                std::to_string(height) + ".");
  }
  std::filesystem::path unfinished = path;
  unfinished += ".unfinished";
  const int written = stbi_write_png(unfinished.c_str(), static_cast<int>(width), static_cast<int>(height), 3,
                                     rgb.data(), static_cast<int>(width * 3));
  std::error_code error;
  if (written != 0) std::filesystem::rename(unfinished, path, error);
  if (written == 0 || error) {
    const std::string reason = error ? ": " + error.message() : "; does the folder exist, and is there space?";
    std::filesystem::remove(unfinished, error);
    throw std::runtime_error("[write_png] cannot write " + path.string() + reason);
  }
}

}  // namespace datasets
