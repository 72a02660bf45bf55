// A safetensors file written tensor by tensor, so that none has to be in memory as a whole. The file appears complete or
// not at all (engine/tensor/atomic_file.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "engine/tensor/atomic_file.hpp"
#include "engine/tensor/shape.hpp"
#include "nn/safetensors.hpp"

namespace nn {

struct TensorSpec {
  std::string name;
  std::string type;  // as files name it: "F32", "BF16", ...
  engine::Shape shape;
};

class SafetensorsWriter {
 public:
  // Writes the header. Throws std::runtime_error naming the file and the cause: a name or text that is not UTF-8, the
  // reserved name "__metadata__", a header over 100 MB, or the system's reason.
  SafetensorsWriter(const std::filesystem::path& path, std::vector<TensorSpec> tensors, const Metadata& metadata);

  // The order in which the elements are to be written: larger types first, so that every tensor is aligned, then by name.
  std::span<const TensorSpec> order() const noexcept { return order_; }
  void write(std::span<const std::byte> bytes);
  void commit();  // throws std::logic_error unless as many bytes were written as the header says

 private:
  std::vector<TensorSpec> order_;
  std::int64_t missing_ = 0;  // bytes
  engine::AtomicFile file_;
};

}  // namespace nn
