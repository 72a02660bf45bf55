#include "engine/backend/dnnl_runtime.hpp"

#include <omp.h>

namespace engine::backend {

const dnnl::engine& cpu_engine() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

dnnl::stream& cpu_stream() {
  thread_local dnnl::stream stream = [] {
    omp_set_num_threads(1);  // a shard runs on one thread; this setting is the calling thread's own
    return dnnl::stream(cpu_engine());
  }();
  return stream;
}

dnnl::memory::desc descriptor(const Shape& shape, const Strides& strides, dnnl::memory::data_type type) {
  const auto extents = shape.extents();
  return {dnnl::memory::dims(extents.begin(), extents.end()), type,
          dnnl::memory::dims(strides.begin(), strides.begin() + shape.rank())};
}

dnnl::matmul::primitive_desc matmul_descriptor(const dnnl::memory::desc& a, const dnnl::memory::desc& b,
                                               const dnnl::memory::desc* bias, const dnnl::memory::desc& out,
                                               const dnnl::primitive_attr& attributes) {
#if DNNL_VERSION_MAJOR >= 3
  return bias != nullptr ? dnnl::matmul::primitive_desc(cpu_engine(), a, b, *bias, out, attributes)
                         : dnnl::matmul::primitive_desc(cpu_engine(), a, b, out, attributes);
#else
  const dnnl::matmul::desc operation =
      bias != nullptr ? dnnl::matmul::desc(a, b, *bias, out) : dnnl::matmul::desc(a, b, out);
  return {operation, attributes, cpu_engine()};
#endif
}

}  // namespace engine::backend
