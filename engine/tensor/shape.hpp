// The extents of a tensor: at most six, kept without a heap allocation.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <vector>

namespace engine {

inline constexpr int kMaxRank = 6;

class Shape {
 public:
  Shape() = default;  // rank 0: a scalar
  // Throw ShapeError if there are more than kMaxRank extents, one is negative, or the number of elements overflows.
  Shape(std::initializer_list<std::int64_t> extents);
  explicit Shape(std::span<const std::int64_t> extents);

  int rank() const noexcept { return rank_; }
  std::int64_t operator[](int axis) const;  // a negative axis counts from the end; throws ShapeError out of range
  std::int64_t numel() const noexcept;
  std::span<const std::int64_t> extents() const noexcept { return {extents_.data(), static_cast<std::size_t>(rank_)}; }

  Shape with(int axis, std::int64_t extent) const;  // the same with one extent replaced
  Shape without(int axis) const;
  friend bool operator==(const Shape&, const Shape&) = default;

 private:
  std::array<std::int64_t, kMaxRank> extents_{};
  int rank_ = 0;
};

// A list of axes; negative ones count from the end.
using Axes = std::vector<int>;

std::string to_string(const Shape& shape);      // "[2, 50, 768]"
int resolve_axis(int axis, int rank);           // to 0 .. rank - 1; throws ShapeError
Axes resolve_axes(const Axes& axes, int rank);  // each resolved, sorted; throws ShapeError if one is named twice

}  // namespace engine
