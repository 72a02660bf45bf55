// The one place that knows which oneDNN this is (2.6 and 3.x are both built) and how its objects are made.
#pragma once

#include <oneapi/dnnl/dnnl.hpp>

#include "engine/tensor/tensor.hpp"

namespace engine::backend {

const dnnl::engine& cpu_engine();
dnnl::stream& cpu_stream();  // the calling thread's own; its first use fixes that thread's products to one core

// extents and strides of a tensor as oneDNN wants them
dnnl::memory::desc descriptor(const Shape& shape, const Strides& strides,
                              dnnl::memory::data_type type = dnnl::memory::data_type::f32);

dnnl::matmul::primitive_desc matmul_descriptor(const dnnl::memory::desc& a, const dnnl::memory::desc& b,
                                               const dnnl::memory::desc* bias, const dnnl::memory::desc& out,
                                               const dnnl::primitive_attr& attributes);

}  // namespace engine::backend
