#include "engine/autodiff/check_tangent.hpp"

#include <string>

#include "engine/autodiff/trace.hpp"
#include "engine/tensor/errors.hpp"

namespace engine {

void check_count(std::string_view where, std::size_t got, std::size_t needed, std::string_view what) {
  if (got == needed) return;
  throw ShapeError("[" + std::string(where) + "] needs one entry per " + std::string(what) + ", " +
                   std::to_string(needed) + "; got " + std::to_string(got) + ".");
}

void check_tangent(std::string_view where, const Tangent& tangent, const Shape& shape, DType dtype,
                   std::size_t position) {
  if (!tangent.has_value()) return;
  require_open(where, *tangent);
  const std::string entry = "[" + std::string(where) + "] entry " + std::to_string(position) + " must be ";
  if (tangent->dtype() != dtype) {
    throw DTypeError(entry + std::string(to_string(dtype)) + "; got " + std::string(to_string(tangent->dtype())) + ".");
  }
  if (tangent->shape() != shape)
    throw ShapeError(entry + to_string(shape) + "; got " + to_string(tangent->shape()) + ".");
}

}  // namespace engine
