#include "nn/safetensors_writer.hpp"

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "nn/safetensors_elements.hpp"
#include "nn/safetensors_header.hpp"

namespace nn {
namespace {

std::int64_t bytes_of(const TensorSpec& tensor) { return tensor.shape.numel() * element_bits(tensor.type).value() / 8; }

// `text` as a JSON string with its quotes. Throws if it is not UTF-8.
std::string json_string(const std::string& text, const std::filesystem::path& file) {
  try {
    return nlohmann::json(text).dump();
  } catch (const nlohmann::json::type_error&) {
    throw safetensors_error(file, "the name or metadata " + shown_name(text) + " is not UTF-8; choose another text.");
  }
}

std::vector<TensorSpec> in_writing_order(std::vector<TensorSpec> tensors) {
  std::ranges::sort(tensors, {}, &TensorSpec::name);
  std::ranges::stable_sort(tensors, std::ranges::greater(),
                           [](const TensorSpec& tensor) { return element_bits(tensor.type).value(); });
  return tensors;
}

std::string header_text(std::span<const TensorSpec> order, const Metadata& metadata,
                        const std::filesystem::path& file) {
  std::string text = "{";
  if (!metadata.empty()) {
    text += "\"" + std::string(kMetadataKey) + "\":{";
    for (const auto& [key, value] : metadata) text += json_string(key, file) + ":" + json_string(value, file) + ",";
    text.back() = '}';
    text += ",";
  }
  std::int64_t offset = 0;
  for (const TensorSpec& tensor : order) {
    if (tensor.name == kMetadataKey) {
      throw safetensors_error(file, "'__metadata__' is reserved and cannot name a tensor; choose another name.");
    }
    text += json_string(tensor.name, file) + ":{\"dtype\":\"" + tensor.type + "\",\"shape\":[";
    for (const std::int64_t extent : tensor.shape.extents()) text += std::to_string(extent) + ",";
    if (text.back() == ',') text.pop_back();
    text += "],\"data_offsets\":[" + std::to_string(offset) + ",";
    offset += bytes_of(tensor);
    text += std::to_string(offset) + "]},";
  }
  if (text.back() == ',') text.pop_back();
  text += "}";
  text.resize((text.size() + 7) / 8 * 8, ' ');  // so that the elements begin aligned
  if (text.size() > kMaxHeaderBytes) {
    throw safetensors_error(file, "the header would have " + std::to_string(text.size()) +
                                      " bytes, over the limit of " + std::to_string(kMaxHeaderBytes) +
                                      "; shorten the metadata or split the file.");
  }
  return text;
}

}  // namespace

SafetensorsWriter::SafetensorsWriter(const std::filesystem::path& path, std::vector<TensorSpec> tensors,
                                     const Metadata& metadata)
    : order_(in_writing_order(std::move(tensors))), file_(path, "safetensors") {
  const std::string header = header_text(order_, metadata, path);
  const std::uint64_t length = header.size();
  file_.write(std::as_bytes(std::span(&length, 1)));
  file_.write(std::as_bytes(std::span(header)));
  for (const TensorSpec& tensor : order_) missing_ += bytes_of(tensor);
}

void SafetensorsWriter::write(const std::span<const std::byte> bytes) {
  missing_ -= static_cast<std::int64_t>(bytes.size());
  file_.write(bytes);
}

void SafetensorsWriter::commit() {
  if (missing_ != 0) {
    throw std::logic_error("[safetensors] the tensors written are " + std::to_string(missing_) +
                           " bytes short of what the header says.");
  }
  file_.commit();
}

}  // namespace nn
