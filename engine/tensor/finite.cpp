#include "engine/tensor/finite.hpp"

#include <cmath>
#include <limits>

#include "engine/tensor/walk.hpp"

namespace engine {
namespace {

std::string position(std::int64_t element, const Shape& shape) {
  std::string text;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    text = std::to_string(element % shape[axis]) + (text.empty() ? "" : ", ") + text;
    element /= shape[axis];
  }
  return "[" + text + "]";
}

template <class T, class AnyTensor>
std::optional<std::string> find(const AnyTensor& x) {
  const T* data = x.template data<T>();
  std::int64_t passed = 0;
  std::optional<std::string> found;
  for_each_row<1, View>(x.shape(), {&x.view()}, [&](const std::array<Run, 1>& runs, std::int64_t count) {
    const T* row = data + runs[0].offset;
    for (std::int64_t i = 0; i < count && !found.has_value(); ++i) {
      const T value = row[i * runs[0].stride];
      if (std::isfinite(value)) continue;
      const std::string name = std::isnan(value) ? "NaN" : value > T(0) ? "Inf" : "-Inf";
      found = name + " at " + position(passed + i, x.shape());
    }
    passed += count;
  });
  return found;
}

template <class AnyTensor>
std::optional<std::string> find_in_any(const AnyTensor& x) {
  switch (x.dtype()) {
    case DType::f32:
      return find<float>(x);
    case DType::f64:
      return find<double>(x);
    case DType::i64:
      return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> first_non_finite(const Tensor& x) { return find_in_any(x); }
std::optional<std::string> first_non_finite(const MutableTensor& x) { return find_in_any(x); }

bool all_finite(std::span<const float> values) noexcept {
  int bad = 0;
  for (const float value : values) bad |= std::abs(value) <= std::numeric_limits<float>::max() ? 0 : 1;
  return bad == 0;
}

}  // namespace engine
