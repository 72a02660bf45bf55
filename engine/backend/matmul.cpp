// out = multiply ⊙ (a b + bias + addend + out): f32 by oneDNN's matmul with post-ops, its factors rounded to bf16 on request; f64 by
// OpenBLAS, and f32 too where that is faster.
#include <algorithm>
#include <array>
#include <atomic>
#include <optional>
#include <string>
#include <unordered_map>

#include "engine/backend/brain_float.hpp"
#include "engine/backend/dnnl_runtime.hpp"
#include "engine/backend/kernels.hpp"
#include "engine/backend/openblas.hpp"
#include "engine/backend/small_matmul.hpp"
#include "engine/backend/stack.hpp"
#include "engine/parallel/precision.hpp"
#include "engine/tensor/errors.hpp"
#include "engine/tensor/hash.hpp"
#include "engine/tensor/matmul_flops.hpp"
#include "engine/tensor/walk.hpp"

namespace engine {
namespace {

std::atomic<Precision> chosen_precision{Precision::f32};

}  // namespace

void set_precision(Precision precision) noexcept { chosen_precision.store(precision, std::memory_order_relaxed); }
Precision precision() noexcept { return chosen_precision.load(std::memory_order_relaxed); }

std::string_view to_string(Precision precision) noexcept { return precision == Precision::bf16 ? "bf16" : "f32"; }

bool has_bf16_instructions() noexcept {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512bf16") != 0;  // AMX comes with it
#else
  return false;
#endif
}

namespace backend {
namespace {

constexpr std::int64_t kPanel = 512;  // columns

// The strides oneDNN is told of. An axis of one element has no meaningful stride; give it the one of a dense tensor,
// since oneDNN refuses, for instance, a last axis of extent 1 with stride 7.
dnnl::memory::desc describe_view(const View& view, dnnl::memory::data_type type = dnnl::memory::data_type::f32) {
  const Shape& shape = view.shape;
  Strides strides = view.strides;
  const int last = shape.rank() - 1;
  const std::size_t row = static_cast<std::size_t>(last - 1);
  const std::size_t column = static_cast<std::size_t>(last);
  if (shape[last] == 1) strides[column] = strides[row] == 1 ? std::max<std::int64_t>(shape[last - 1], 1) : 1;
  if (shape[last - 1] == 1) strides[row] = strides[column] == 1 ? std::max<std::int64_t>(shape[last], 1) : 1;
  for (int axis = last - 2; axis >= 0; --axis) {
    const std::size_t i = static_cast<std::size_t>(axis);
    if (shape[axis] == 1) strides[i] = std::max(strides[i + 1] * shape[axis + 1], strides[row] * shape[last - 1]);
  }
  return descriptor(shape, strides, type);
}

// oneDNN takes a matrix whose rows or columns are contiguous and whose leading dimension covers a whole row.
bool is_matrix(const Tensor& x) {
  const std::int64_t rows = x.shape()[-2];
  const std::int64_t columns = x.shape()[-1];
  const bool row_major = (x.stride(-1) == 1 || columns == 1) && (x.stride(-2) >= columns || rows == 1);
  const bool column_major = (x.stride(-2) == 1 || rows == 1) && (x.stride(-1) >= rows || columns == 1);
  if (!row_major && !column_major) return false;
  for (int axis = 0; axis < x.shape().rank() - 2; ++axis) {
    if (x.stride(axis) == 0 && x.shape()[axis] != 1) return false;  // repeated matrices are given to us with extent 1
  }
  return true;
}

// a or b, as it is or rounded.
struct Factor {
  const void* data;
  View view;
  dnnl::memory::data_type type;
};

Factor factor_of(const Tensor& x) { return {x.data<float>(), x.view(), dnnl::memory::data_type::f32}; }
Factor factor_of(const BrainFloats& x) { return {x.bits.get(), x.view, dnnl::memory::data_type::bf16}; }

// A product made ready: the primitive, and the memory objects whose pointers each call sets anew.
struct Prepared {
  dnnl::matmul product;
  dnnl::memory a, b, out, bias, addend, multiply;
  std::unordered_map<int, dnnl::memory> arguments;
};

Prepared prepare(const Factor& a, const Factor& b, const MutableTensor& out, const Epilogue& epilogue) {
  const auto memory_of = [](const dnnl::memory::desc& description) {
    return dnnl::memory(description, cpu_engine(), nullptr);
  };
  const dnnl::memory::desc a_desc = describe_view(a.view, a.type);
  const dnnl::memory::desc b_desc = describe_view(b.view, b.type);
  const dnnl::memory::desc out_desc = describe_view(out.view());
  Prepared ready;
  dnnl::post_ops post_ops;
  if (epilogue.accumulate) post_ops.append_sum(1.0F);
  const auto append = [&](dnnl::algorithm operation, const Tensor* operand, dnnl::memory& memory) {
    if (operand == nullptr) return;
    const dnnl::memory::desc description = describe_view(operand->view());
    memory = memory_of(description);
    ready.arguments[DNNL_ARG_ATTR_MULTIPLE_POST_OP(post_ops.len()) | DNNL_ARG_SRC_1] = memory;
    post_ops.append_binary(operation, description);
  };
  append(dnnl::algorithm::binary_add, epilogue.addend, ready.addend);
  append(dnnl::algorithm::binary_mul, epilogue.multiply, ready.multiply);
  dnnl::primitive_attr attributes;
  attributes.set_post_ops(post_ops);
  dnnl::memory::desc bias_desc;
  if (epilogue.bias != nullptr) {
    Shape row = out.shape();
    for (int axis = 0; axis < row.rank() - 1; ++axis) row = row.with(axis, 1);
    bias_desc = descriptor(row, View::dense(row).strides);
    ready.bias = memory_of(bias_desc);
    ready.arguments[DNNL_ARG_BIAS] = ready.bias;
  }
  ready.product = dnnl::matmul(
      matmul_descriptor(a_desc, b_desc, epilogue.bias != nullptr ? &bias_desc : nullptr, out_desc, attributes));
  ready.a = ready.arguments[DNNL_ARG_SRC] = memory_of(a_desc);
  ready.b = ready.arguments[DNNL_ARG_WEIGHTS] = memory_of(b_desc);
  ready.out = ready.arguments[DNNL_ARG_DST] = memory_of(out_desc);
  return ready;
}

// Everything a prepared product depends on: extents, strides and types of the operands, and which parts of the epilogue
// there are.
class Key {
 public:
  Key(const Factor& a, const Factor& b, const MutableTensor& out, const Epilogue& epilogue) {
    append((epilogue.bias != nullptr ? 1 : 0) + (epilogue.accumulate ? 2 : 0) + (epilogue.addend != nullptr ? 4 : 0) +
           (epilogue.multiply != nullptr ? 8 : 0) + (a.type == dnnl::memory::data_type::bf16 ? 16 : 0));
    append_view(a.view);
    append_view(b.view);
    append_view(out.view());
    if (epilogue.addend != nullptr) append_view(epilogue.addend->view());
    if (epilogue.multiply != nullptr) append_view(epilogue.multiply->view());
  }
  friend bool operator==(const Key&, const Key&) = default;
  std::size_t hash() const noexcept {
    Hash hash;
    for (std::size_t i = 0; i < count_; ++i) hash.add(static_cast<std::uint64_t>(numbers_[i]));
    return static_cast<std::size_t>(hash.value() ^ (hash.value() >> 32));
  }

 private:
  void append(std::int64_t number) { numbers_[count_++] = number; }
  void append_view(const View& x) {
    for (int axis = 0; axis < x.shape.rank(); ++axis) {
      append(x.shape[axis]);
      append(x.stride(axis));
    }
  }
  std::array<std::int64_t, 1 + 5 * 2 * kMaxRank> numbers_{};
  std::size_t count_ = 0;
};

struct KeyHash {
  std::size_t operator()(const Key& key) const noexcept { return key.hash(); }
};

// oneDNN finds a primitive it has made before in some 8 µs, longer than many of our products take (16 images of a small
// ViT: 10.7 % of a training step went there, and as much again into the scratch memory each new primitive asks for). A
// primitive is used only by the thread that made it, so each thread keeps its own.
Prepared& prepared(const Factor& a, const Factor& b, const MutableTensor& out, const Epilogue& epilogue) {
  constexpr std::size_t kMost = 1024;
  thread_local std::unordered_map<Key, Prepared, KeyHash> ready;
  const Key key(a, b, out, epilogue);
  const auto found = ready.find(key);
  if (found != ready.end()) return found->second;
  if (ready.size() >= kMost) ready.clear();  // a program with ever new shapes must not grow without end
  return ready.emplace(key, prepare(a, b, out, epilogue)).first->second;
}

void matmul_f32(const Factor& a, const Factor& b, const MutableTensor& out, const Epilogue& epilogue) {
  dnnl::stream& stream = cpu_stream();
  // oneDNN has no read-only memory; it does not write to its inputs.
  const auto point = [](dnnl::memory& memory, const void* data) { memory.set_data_handle(const_cast<void*>(data)); };
  try {
    Prepared& ready = prepared(a, b, out, epilogue);
    point(ready.a, a.data);
    point(ready.b, b.data);
    point(ready.out, out.data<float>());
    if (epilogue.bias != nullptr) point(ready.bias, epilogue.bias->data<float>());
    if (epilogue.addend != nullptr) point(ready.addend, epilogue.addend->data<float>());
    if (epilogue.multiply != nullptr) point(ready.multiply, epilogue.multiply->data<float>());
    ready.product.execute(stream, ready.arguments);
    stream.wait();
  } catch (const dnnl::error& error) {
    throw std::runtime_error("[matmul] oneDNN refused a " + to_string(a.view.shape) + ", b " + to_string(b.view.shape) +
                             ": " + error.what() + ".");
  }
}

void gemm(CBLAS_TRANSPOSE a_order, CBLAS_TRANSPOSE b_order, blasint M, blasint N, blasint K, const float* a,
          blasint lda, const float* b, blasint ldb, float beta, float* out, blasint ldo) {
  cblas_sgemm(CblasRowMajor, a_order, b_order, M, N, K, 1.0F, a, lda, b, ldb, beta, out, ldo);
}
void gemm(CBLAS_TRANSPOSE a_order, CBLAS_TRANSPOSE b_order, blasint M, blasint N, blasint K, const double* a,
          blasint lda, const double* b, blasint ldb, double beta, double* out, blasint ldo) {
  cblas_dgemm(CblasRowMajor, a_order, b_order, M, N, K, 1.0, a, lda, b, ldb, beta, out, ldo);
}

// Strides of a matrix as BLAS wants them: one of the two is 1, whatever an axis of one element says.
std::array<std::int64_t, 2> matrix_strides(const Tensor& x) {
  if (x.stride(-1) == 1 || x.stride(-2) == 1) return {x.stride(-2), x.stride(-1)};
  if (x.shape()[-1] == 1) return {x.stride(-2), 1};
  return {1, x.stride(-1)};  // a single row
}

// out (+)= a b by OpenBLAS.
template <class T>
void blas_product(const Tensor& a, const Tensor& b, const MutableTensor& out, bool accumulate) {
  use_one_blas_thread();
  const blasint M = static_cast<blasint>(out.shape()[-2]);
  const blasint N = static_cast<blasint>(out.shape()[-1]);
  const blasint K = static_cast<blasint>(a.shape()[-1]);
  const auto order = [](const std::array<std::int64_t, 2>& strides) {
    return strides[1] == 1 ? CblasNoTrans : CblasTrans;
  };
  const auto leading = [](const std::array<std::int64_t, 2>& strides, blasint rows, blasint columns) {
    return strides[1] == 1 ? std::max({static_cast<blasint>(strides[0]), columns, blasint{1}})
                           : std::max({static_cast<blasint>(strides[1]), rows, blasint{1}});
  };
  const std::array<std::int64_t, 2> a_strides = matrix_strides(a);
  const std::array<std::int64_t, 2> b_strides = matrix_strides(b);
  const blasint out_stride = std::max(static_cast<blasint>(out.stride(-2)), N);  // that of a single row may be anything
  for_each_product(a, b, out, [&](std::int64_t a_offset, std::int64_t b_offset, std::int64_t out_offset) {
    gemm(order(a_strides), order(b_strides), M, N, K, a.data<T>() + a_offset, leading(a_strides, M, K),
         b.data<T>() + b_offset, leading(b_strides, K, N), accumulate ? T{1} : T{0}, out.data<T>() + out_offset,
         out_stride);
  });
}

void matmul_f64(const Tensor& a, const Tensor& b, const MutableTensor& out, const Epilogue& epilogue) {
  blas_product<double>(a, b, out, epilogue.accumulate);
  const auto each = [&](const Tensor* operand, const auto& combine) {
    if (operand == nullptr) return;
    const Tensor repeated = operand->broadcast_to(out.shape());
    for_each_row<2, View>(out.shape(), {&out.view(), &repeated.view()},
                          [&](const std::array<Run, 2>& runs, std::int64_t count) {
                            double* y = out.data<double>() + runs[0].offset;
                            const double* value = repeated.data<double>() + runs[1].offset;
                            for (std::int64_t i = 0; i < count; ++i)
                              combine(y[i * runs[0].stride], value[i * runs[1].stride]);
                          });
  };
  each(epilogue.bias, [](double& y, double c) { y += c; });
  each(epilogue.addend, [](double& y, double c) { y += c; });
  each(epilogue.multiply, [](double& y, double c) { y *= c; });
}

// The sum over no terms, which the libraries refuse: it occurs as the pull of a layer that saw no rows.
void empty_product(const MutableTensor& out, const Epilogue& epilogue) {
  if (epilogue.bias != nullptr || epilogue.addend != nullptr || epilogue.multiply != nullptr)
    throw std::logic_error("[matmul] an empty product has no epilogue.");
  if (epilogue.accumulate) return;
  for_each_row<1, View>(out.shape(), {&out.view()}, [&](const std::array<Run, 1>& runs, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t position = runs[0].offset + i * runs[0].stride;
      out.dtype() == DType::f32 ? static_cast<void>(out.data<float>()[position] = 0.0F)
                                : static_cast<void>(out.data<double>()[position] = 0.0);
    }
  });
}

void count_flops(const Tensor& a, const MutableTensor& out) {
  const std::int64_t product = 2 * out.shape().numel() * a.shape()[-1];
  count_matmul_flops(product);
}

bool has_avx512() noexcept {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512f") != 0;
#else
  return false;
#endif
}

// z̄ᵀ x, the gradient of a layer's weights. With AVX2 OpenBLAS is ahead of oneDNN 2.6 there: 70 against 50 GF/s for 512 x 128 over
// 272 rows, 66 to 79 against 62 to 69 at most of the ViTs' shapes, level at those of CLIP.
bool is_for_blas(const Tensor& a) {
  return a.shape().rank() == 2 && a.stride(-2) == 1 && a.stride(-1) != 1 && !has_avx512();
}

// With AVX-512 oneDNN 2.6 and 3.7 run at half speed where a row-major b has rows of 1536 or 3072 elements (49 against 100 GF/s for
// 400 x 768 x 3072 on a Xeon); in panels of 512 columns they do not.
bool is_wide(const Tensor& a, const Tensor& b) {
  return a.shape().rank() == 2 && b.stride(-1) == 1 && b.shape()[-1] > 2 * kPanel && b.stride(-2) % (3 * kPanel) == 0 &&
         has_avx512();
}

void matmul_in_panels(const Tensor& a, const Tensor& b, const MutableTensor& out, const Epilogue& epilogue) {
  const std::int64_t N = out.shape()[1];
  for (std::int64_t begin = 0; begin < N; begin += kPanel) {
    const std::int64_t end = std::min(begin + kPanel, N);
    std::optional<Tensor> bias, addend, multiply;
    if (epilogue.bias != nullptr) bias = epilogue.bias->slice(0, begin, end);
    if (epilogue.addend != nullptr) addend = epilogue.addend->slice(1, begin, end);
    if (epilogue.multiply != nullptr) multiply = epilogue.multiply->slice(1, begin, end);
    const auto pointer = [](const std::optional<Tensor>& x) { return x.has_value() ? &*x : nullptr; };
    matmul_f32(factor_of(a), factor_of(b.slice(1, begin, end)), out.slice(1, begin, end),
               {pointer(bias), epilogue.accumulate, pointer(addend), pointer(multiply)});
  }
}

}  // namespace

void matmul(const Tensor& a, const Tensor& b, MutableTensor out, const Epilogue& epilogue, Precision chosen) {
  if (out.shape().numel() == 0) return;
  if (a.shape()[-1] == 0) return empty_product(out, epilogue);
  const bool plain = epilogue.bias == nullptr && epilogue.addend == nullptr && epilogue.multiply == nullptr;
  if (plain && is_small_matmul(a, b, out)) {
    count_flops(a, out);
    return small_matmul(a, b, out, epilogue.accumulate);
  }
  if (!is_matrix(a)) return matmul(a.contiguous(), b, out, epilogue, chosen);
  if (!is_matrix(b)) return matmul(a, b.contiguous(), out, epilogue, chosen);
  count_flops(a, out);
  if (a.dtype() == DType::f64) return matmul_f64(a, b, out, epilogue);
  if (chosen == Precision::bf16 && !has_bf16_instructions()) {
    // The product of two bf16 is exact in f32. oneDNN's own way without the instructions needs AVX-512.
    return matmul_f32(factor_of(values_in_bf16(a)), factor_of(values_in_bf16(b)), out, epilogue);
  }
  if (chosen == Precision::bf16) {
    const BrainFloats rounded_a = round_to_bf16(a);
    const BrainFloats rounded_b = round_to_bf16(b);
    return matmul_f32(factor_of(rounded_a), factor_of(rounded_b), out, epilogue);
  }
  if (plain && is_for_blas(a)) return blas_product<float>(a, b, out, epilogue.accumulate);
  if (is_wide(a, b)) return matmul_in_panels(a, b, out, epilogue);
  matmul_f32(factor_of(a), factor_of(b), out, epilogue);
}

}  // namespace backend
}  // namespace engine
