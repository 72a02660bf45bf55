// A safetensors file mapped into memory: tensors are looked at where the system keeps the file, and copied by whoever needs
// them, once. While it is open the file must not be cut short by anyone: the system ends a process that looks behind its end.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "engine/tensor/shape.hpp"
#include "nn/safetensors.hpp"

namespace nn {

struct MappedTensor {
  std::string type;  // as files name it: "F32", "BF16", ...
  engine::Shape shape;
  std::span<const std::byte> bytes;  // row-major, little-endian, at any alignment
};

class SafetensorsMap {
 public:
  explicit SafetensorsMap(std::filesystem::path file);  // throws as read_safetensors does, but takes every type

  const std::filesystem::path& file() const noexcept { return file_; }
  const std::map<std::string, MappedTensor>& tensors() const noexcept { return tensors_; }
  const Metadata& metadata() const noexcept { return metadata_; }

 private:
  struct Unmap {
    std::size_t size;
    void operator()(std::byte* address) const noexcept;
  };

  std::filesystem::path file_;
  std::unique_ptr<std::byte, Unmap> map_;
  std::map<std::string, MappedTensor> tensors_;
  Metadata metadata_;
};

// Gives back the memory of bytes of a map that are not needed for now; they may be looked at again.
void release_pages(std::span<const std::byte> bytes);

}  // namespace nn
