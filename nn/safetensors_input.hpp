// A safetensors file as it is opened: its header, and where each tensor's bytes lie, checked against the size of the file.
// Only nn/safetensors*.cpp includes this.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "nn/safetensors_header.hpp"

namespace nn {

// The input file, with its real size.
class SafetensorsInput {
 public:
  // Throws safetensors_error if there is no such file, it is no file, or the system does not let us read it.
  explicit SafetensorsInput(const std::filesystem::path& file);
  std::uint64_t size() const noexcept { return size_; }
  void read(std::span<std::byte> out);

 private:
  [[noreturn]] void fail_with_reason() const;

  const std::filesystem::path& file_;
  std::ifstream stream_;
  std::uint64_t size_ = 0;
};

struct CheckedHeader {
  using NamedEntry = std::pair<const std::string, HeaderEntry>;
  SafetensorsHeader header;
  std::vector<const NamedEntry*> order;  // the entries of `header` in the order of their bytes
  std::uint64_t data_begin = 0;          // the offset of the first byte after the header
};

// Reads the header and leaves `input` at the first byte after it. Throws safetensors_error unless the tensors fill the
// rest of the file from first to last without hole or overlap, each with as many bytes as its type and shape say.
CheckedHeader read_checked_header(SafetensorsInput& input, const std::filesystem::path& file);

}  // namespace nn
