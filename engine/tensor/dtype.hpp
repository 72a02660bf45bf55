// Element types: f32 for production, f64 for tests and eigenproblems, i64 for labels and tokens. Nothing is ever
// promoted.
#pragma once

#include <concepts>
#include <cstdint>
#include <string_view>

namespace engine {

enum class DType : std::uint8_t { f32, f64, i64 };

constexpr std::int64_t size_of(DType dtype) noexcept { return dtype == DType::f32 ? 4 : 8; }

constexpr std::string_view to_string(DType dtype) noexcept {
  return dtype == DType::f32 ? "f32" : dtype == DType::f64 ? "f64" : "i64";
}

// The C++ types of elements. A whole number is an int, which is none: Tensor::from<std::int64_t>({1, 2}, {2}).
template <class T>
concept Element = std::same_as<T, float> || std::same_as<T, double> || std::same_as<T, std::int64_t>;

template <Element T>
struct DTypeOf;
template <>
struct DTypeOf<float> {
  static constexpr DType value = DType::f32;
};
template <>
struct DTypeOf<double> {
  static constexpr DType value = DType::f64;
};
template <>
struct DTypeOf<std::int64_t> {
  static constexpr DType value = DType::i64;
};

}  // namespace engine
