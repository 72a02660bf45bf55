// Runs a kernel for the element type of a tensor: with_float_type(x.dtype(), [&]<class T>() { ... }).
#pragma once

#include "engine/tensor/dtype.hpp"
#include "engine/tensor/errors.hpp"

namespace engine::backend {

template <class Body>
decltype(auto) with_float_type(DType dtype, const Body& body) {
  if (dtype == DType::f32) return body.template operator()<float>();
  if (dtype == DType::f64) return body.template operator()<double>();
  throw DTypeError("[kernel] needs f32 or f64; got i64.");
}

}  // namespace engine::backend
