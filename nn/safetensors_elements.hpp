// The element types of safetensors files: their sizes, and how values of the five that models are made of (F64, F32, F16,
// BF16, I64) are told and made. Conversions round to the nearest, ties to even; NaN stays NaN.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace nn {

std::optional<std::int64_t> element_bits(std::string_view type) noexcept;  // nullopt for an unknown type
bool is_floating(std::string_view type) noexcept;                          // F64, F32, F16 or BF16

// Elements of a floating `type`, packed and at any alignment, to f32 and back: out.size() of them, and values.size().
void decode_floats(std::string_view type, const std::byte* from, std::span<float> out);
void encode_floats(std::string_view type, std::span<const float> values, std::byte* out);

// IEEE half precision: sign, 5 bits of exponent with bias 15, 10 of mantissa.
inline float float_of_f16(const std::uint16_t half) noexcept {
  const std::uint32_t sign = (half & 0x8000u) << 16;
  const std::uint32_t exponent = (half >> 10) & 0x1Fu;
  const std::uint32_t mantissa = half & 0x3FFu;
  if (exponent == 0) {  // subnormal or zero: mantissa · 2^-24, exact in f32
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
    return std::bit_cast<float>(std::bit_cast<std::uint32_t>(magnitude) | sign);
  }
  const std::uint32_t exponent32 = exponent == 31 ? 255 : exponent + (127 - 15);
  return std::bit_cast<float>(sign | exponent32 << 23 | mantissa << 13);
}
std::uint16_t f16_of_float(float value) noexcept;

}  // namespace nn
