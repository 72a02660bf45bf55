// Named tensors in a file, in the safetensors format: u64 little-endian N, N bytes of JSON (names, types, shapes,
// offsets), then the elements, row-major and little-endian [github.com/huggingface/safetensors, README, "Format"].
// Python's safetensors reads what we write and the other way round. A file may come from anywhere: every number in it
// is checked before it is used.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "engine/tensor/tensor.hpp"

namespace nn {

using Metadata = std::map<std::string, std::string>;
using NamedTensors = std::map<std::string, engine::Tensor>;

struct SafetensorsFile {
  NamedTensors tensors;
  Metadata metadata;
};

// Writes f32, f64 and i64 as F32, F64 and I64; strided tensors are made dense. The file appears complete or not at all
// (engine/tensor/atomic_file.hpp). Throws std::runtime_error naming the file and the cause: a name or text that is not
// UTF-8, the reserved name "__metadata__", a header over 100 MB, or the system's reason.
void write_safetensors(const std::filesystem::path& path, const NamedTensors& tensors, const Metadata& metadata = {});

// Reads F32, F64 and I64 as they are and F16 and BF16 as f32. Throws std::runtime_error naming the file and the tensor
// or byte if the file cannot be read, breaks a rule of the format, or holds a tensor of another type or of too many
// axes.
SafetensorsFile read_safetensors(const std::filesystem::path& path);

}  // namespace nn
