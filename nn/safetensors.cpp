// Reading is three steps: the header against the size of the file, the layout of all tensors against the header
// (nn/safetensors_input.hpp), and only then memory for the elements.
#include "nn/safetensors.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/tensor/brain_float.hpp"
#include "nn/safetensors_elements.hpp"
#include "nn/safetensors_input.hpp"
#include "nn/safetensors_writer.hpp"

namespace nn {
namespace {

static_assert(std::endian::native == std::endian::little,
              "the format is little-endian and elements are copied as bytes");

using engine::DType;
using engine::Tensor;

std::string_view file_type(const DType dtype) noexcept {
  return dtype == DType::f32 ? "F32" : dtype == DType::f64 ? "F64" : "I64";
}

template <class T>
std::span<const std::byte> bytes_as(const Tensor& dense) {
  return std::as_bytes(std::span(dense.data<T>(), static_cast<std::size_t>(dense.numel())));
}

std::span<const std::byte> bytes_of(const Tensor& dense) {
  switch (dense.dtype()) {
    case DType::f32:
      return bytes_as<float>(dense);
    case DType::f64:
      return bytes_as<double>(dense);
    case DType::i64:
      break;
  }
  return bytes_as<std::int64_t>(dense);
}

std::span<std::byte> writable_bytes_of(Tensor& tensor) {
  engine::MutableTensor out = tensor.writable();
  const auto bytes = static_cast<std::size_t>(tensor.bytes());
  switch (tensor.dtype()) {
    case DType::f32:
      return {reinterpret_cast<std::byte*>(out.data<float>()), bytes};
    case DType::f64:
      return {reinterpret_cast<std::byte*>(out.data<double>()), bytes};
    case DType::i64:
      break;
  }
  return {reinterpret_cast<std::byte*>(out.data<std::int64_t>()), bytes};
}

Tensor read_widened(SafetensorsInput& input, const engine::Shape& shape, float (*const widen)(std::uint16_t) noexcept) {
  Tensor result = Tensor::empty(shape);
  std::span<float> left(result.writable().data<float>(), static_cast<std::size_t>(result.numel()));
  std::vector<std::uint16_t> block(std::min<std::size_t>(left.size(), 65536));
  while (!left.empty()) {
    const std::span<std::uint16_t> part = std::span(block).first(std::min(block.size(), left.size()));
    input.read(std::as_writable_bytes(part));
    std::ranges::transform(part, left.begin(), widen);
    left = left.subspan(part.size());
  }
  return result;
}

Tensor read_tensor(SafetensorsInput& input, const CheckedHeader::NamedEntry& named, const std::filesystem::path& file) {
  const auto& [name, entry] = named;
  const engine::Shape shape(entry.shape);
  if (entry.dtype == "F16") return read_widened(input, shape, float_of_f16);
  if (entry.dtype == "BF16") return read_widened(input, shape, engine::float_of_bf16);
  for (const DType dtype : {DType::f32, DType::f64, DType::i64}) {
    if (entry.dtype != file_type(dtype)) continue;
    Tensor result = Tensor::empty(shape, dtype);
    input.read(writable_bytes_of(result));
    return result;
  }
  throw safetensors_error(file, "tensor " + shown_name(name) + " has dtype " + entry.dtype +
                                    ", which is not supported; convert it to F32, F64, I64, F16 or BF16 first.");
}

}  // namespace

void write_safetensors(const std::filesystem::path& path, const NamedTensors& tensors, const Metadata& metadata) {
  std::vector<TensorSpec> specs;
  for (const auto& [name, tensor] : tensors)
    specs.push_back({name, std::string(file_type(tensor.dtype())), tensor.shape()});
  SafetensorsWriter writer(path, std::move(specs), metadata);
  for (const TensorSpec& spec : writer.order()) {
    const Tensor dense = tensors.at(spec.name).contiguous();
    writer.write(bytes_of(dense));
  }
  writer.commit();
}

SafetensorsFile read_safetensors(const std::filesystem::path& path) {
  SafetensorsInput input(path);
  CheckedHeader checked = read_checked_header(input, path);
  SafetensorsFile result{{}, std::move(checked.header.metadata)};
  for (const CheckedHeader::NamedEntry* named : checked.order)
    result.tensors.emplace(named->first, read_tensor(input, *named, path));
  return result;
}

}  // namespace nn
