#include "tests/support/mat_bytes.hpp"

#include <zlib.h>

namespace tests {
namespace {

std::string little_endian(const std::uint32_t number) {
  std::string bytes;
  for (const int shift : {0, 8, 16, 24}) bytes += static_cast<char>(number >> shift & 0xFFu);
  return bytes;
}

}  // namespace

std::string mat_element(const std::uint32_t type, const std::string& data) {
  const std::string padding((8 - data.size() % 8) % 8, '\0');
  return little_endian(type) + little_endian(static_cast<std::uint32_t>(data.size())) + data + padding;
}

std::string mat_matrix(const std::uint32_t kind, const std::initializer_list<std::uint32_t> extents,
                       const std::string& name, const std::string& content) {
  std::string extent_bytes;
  for (const std::uint32_t extent : extents) extent_bytes += little_endian(extent);
  return mat_element(14, mat_element(6, little_endian(kind) + little_endian(0)) + mat_element(5, extent_bytes) +
                             mat_element(1, name) + content);
}

std::string mat_packed(const std::string& element) {
  std::string bytes(compressBound(static_cast<uLong>(element.size())), '\0');
  uLongf size = static_cast<uLongf>(bytes.size());
  compress(reinterpret_cast<Bytef*>(bytes.data()), &size, reinterpret_cast<const Bytef*>(element.data()),
           static_cast<uLong>(element.size()));
  bytes.resize(size);
  return little_endian(15) + little_endian(static_cast<std::uint32_t>(size)) + bytes;
}

std::string mat_file(const std::string& elements) {
  return std::string(124, ' ') + little_endian(0x4D490100) + elements;
}

}  // namespace tests
