#include "nn/safetensors_elements.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "engine/tensor/brain_float.hpp"

namespace nn {
namespace {

struct FileType {
  std::string_view name;
  std::int64_t bits;
};

constexpr std::array<FileType, 22> kFileTypes = {{
    {"BOOL", 8}, {"U8", 8},          {"I8", 8},          {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8},
    {"I16", 16}, {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}, {"U16", 16},    {"F16", 16},    {"BF16", 16},
    {"I32", 32}, {"U32", 32},        {"F32", 32},        {"I64", 64},    {"U64", 64},    {"F64", 64},
    {"C64", 64}, {"F4", 4},          {"F6_E2M3", 6},     {"F6_E3M2", 6},
}};

// `from` may lie at any address: elements are copied, never looked at through a pointer of their type.
template <class T, class Widen>
void decode(const std::byte* from, std::span<float> out, const Widen& widen) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    T value;
    std::memcpy(&value, from + i * sizeof(T), sizeof(T));
    out[i] = widen(value);
  }
}

template <class T, class Narrow>
void encode(std::span<const float> values, std::byte* out, const Narrow& narrow) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    const T value = narrow(values[i]);
    std::memcpy(out + i * sizeof(T), &value, sizeof(T));
  }
}

}  // namespace

std::optional<std::int64_t> element_bits(const std::string_view type) noexcept {
  const auto found = std::ranges::find(kFileTypes, type, &FileType::name);
  return found == kFileTypes.end() ? std::nullopt : std::optional(found->bits);
}

bool is_floating(const std::string_view type) noexcept {
  return type == "F32" || type == "F16" || type == "BF16" || type == "F64";
}

void decode_floats(const std::string_view type, const std::byte* from, std::span<float> out) {
  if (type == "F32") {
    if (!out.empty()) std::memcpy(out.data(), from, out.size_bytes());
  } else if (type == "F16") {
    decode<std::uint16_t>(from, out, float_of_f16);
  } else if (type == "BF16") {
    decode<std::uint16_t>(from, out, engine::float_of_bf16);
  } else {
    decode<double>(from, out, [](double value) { return static_cast<float>(value); });
  }
}

void encode_floats(const std::string_view type, std::span<const float> values, std::byte* out) {
  if (type == "F32") {
    if (!values.empty()) std::memcpy(out, values.data(), values.size_bytes());
  } else if (type == "F16") {
    encode<std::uint16_t>(values, out, f16_of_float);
  } else if (type == "BF16") {
    encode<std::uint16_t>(values, out, engine::bf16_of_float);
  } else {
    encode<double>(values, out, [](float value) { return static_cast<double>(value); });
  }
}

std::uint16_t f16_of_float(const float value) noexcept {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = bits >> 16 & 0x8000u;
  const std::uint32_t magnitude = bits & 0x7FFFFFFFu;
  if (magnitude > 0x7F800000u) return static_cast<std::uint16_t>(sign | 0x7E00u);   // NaN
  if (magnitude >= 0x477FF000u) return static_cast<std::uint16_t>(sign | 0x7C00u);  // 65520 and above: infinity
  std::uint32_t half = 0;
  if (magnitude < 0x38800000u) {  // below 2^-14, subnormal: the nearest multiple of 2^-24, as the adder rounds it
    half = std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) + 0.5f) - 0x3F000000u;
  } else {
    half = (magnitude - ((127u - 15u) << 23) + 0xFFFu + (magnitude >> 13 & 1u)) >> 13;
  }
  return static_cast<std::uint16_t>(sign | half);
}

}  // namespace nn
