#include "engine/tensor/tensor.hpp"

#include <algorithm>
#include <cstring>

#include "engine/tensor/errors.hpp"
#include "engine/tensor/walk.hpp"

namespace engine {
namespace {

void check_type(DType asked, DType held, std::string_view what) {
  if (asked != held) {
    throw DTypeError("[" + std::string(what) + "] elements asked for as " + std::string(to_string(asked)) +
                     "; the tensor holds " + std::string(to_string(held)) + ".");
  }
}

template <class From, class To>
void copy_elements(const Tensor& source, To* target) {
  const From* values = source.data<From>();
  for_each_row<1, Tensor>(source.shape(), {&source}, [&](const std::array<Run, 1>& runs, std::int64_t count) {
    const From* row = values + runs[0].offset;
    const std::int64_t step = runs[0].stride;
    if constexpr (std::is_same_v<From, To>) {
      if (step == 1) {
        std::copy_n(row, count, target);
        target += count;
        return;
      }
    }
    for (std::int64_t i = 0; i < count; ++i) *target++ = static_cast<To>(row[i * step]);
  });
}

template <class From>
void copy_as(const Tensor& source, Tensor& target) {
  MutableTensor out = target.writable();
  switch (target.dtype()) {
    case DType::f32:
      return copy_elements<From>(source, out.data<float>());
    case DType::f64:
      return copy_elements<From>(source, out.data<double>());
    case DType::i64:
      return copy_elements<From>(source, out.data<std::int64_t>());
  }
}

Tensor converted(const Tensor& source, DType dtype) {
  Tensor result = Tensor::empty(source.shape(), dtype);
  switch (source.dtype()) {
    case DType::f32:
      copy_as<float>(source, result);
      break;
    case DType::f64:
      copy_as<double>(source, result);
      break;
    case DType::i64:
      copy_as<std::int64_t>(source, result);
      break;
  }
  return result;
}

template <class T>
void fill(Tensor& tensor, T value) {
  std::fill_n(tensor.writable().data<T>(), tensor.numel(), value);
}

}  // namespace

Tensor Tensor::empty(const Shape& shape, DType dtype) {
  std::int64_t bytes = 0;
  if (__builtin_mul_overflow(shape.numel(), size_of(dtype), &bytes)) {
    throw ShapeError("[tensor] the number of bytes must fit 63 bits; got shape " + to_string(shape) + ".");
  }
  return {acquire(bytes), View::dense(shape), dtype};
}

Tensor Tensor::zeros(const Shape& shape, DType dtype) {
  Tensor result = empty(shape, dtype);
  std::memset(result.storage_.get(), 0, static_cast<std::size_t>(result.bytes()));
  return result;
}

Tensor Tensor::full(const Shape& shape, double value, DType dtype) {
  Tensor result = empty(shape, dtype);
  switch (dtype) {
    case DType::f32:
      fill(result, static_cast<float>(value));
      break;
    case DType::f64:
      fill(result, value);
      break;
    case DType::i64:
      fill(result, static_cast<std::int64_t>(value));
      break;
  }
  return result;
}

template <Element T>
Tensor Tensor::from(std::span<const T> values, const Shape& shape) {
  if (static_cast<std::int64_t>(values.size()) != shape.numel()) {
    throw ShapeError("[tensor] " + to_string(shape) + " needs " + std::to_string(shape.numel()) + " values; got " +
                     std::to_string(values.size()) + ".");
  }
  Tensor result = empty(shape, DTypeOf<T>::value);
  std::ranges::copy(values, result.writable().data<T>());
  return result;
}

Tensor Tensor::slice(int axis, std::int64_t begin, std::int64_t end) const {
  return {storage_, view_.slice(axis, begin, end), dtype_};
}
Tensor Tensor::permute(std::span<const int> axes) const { return {storage_, view_.permute(axes), dtype_}; }
Tensor Tensor::reshape(const Shape& shape) const { return {storage_, view_.reshape(shape), dtype_}; }
Tensor Tensor::broadcast_to(const Shape& shape) const { return {storage_, view_.broadcast_to(shape), dtype_}; }

Tensor Tensor::contiguous() const { return is_contiguous() ? *this : clone(); }
Tensor Tensor::clone() const { return converted(*this, dtype_); }
Tensor Tensor::to(DType dtype) const { return dtype == dtype_ ? *this : converted(*this, dtype); }

template <Element T>
const T* Tensor::data() const {
  check_type(DTypeOf<T>::value, dtype_, "tensor.data");
  return reinterpret_cast<const T*>(storage_.get()) + view_.offset;
}

template <Element T>
T* MutableTensor::data() const {
  check_type(DTypeOf<T>::value, dtype_, "writable.data");
  return reinterpret_cast<T*>(base_) + view_.offset;
}

double Tensor::item() const {
  if (numel() != 1) throw ShapeError("[item] needs a tensor of one element; got shape " + to_string(shape()) + ".");
  switch (dtype_) {
    case DType::f32:
      return static_cast<double>(*data<float>());
    case DType::f64:
      return *data<double>();
    case DType::i64:
      break;
  }
  return static_cast<double>(*data<std::int64_t>());
}

MutableTensor Tensor::writable() {
  if (storage_.use_count() != 1) {
    throw AliasError("[writable] storage of " + describe(*this) + " is shared by " +
                     std::to_string(storage_.use_count()) +
                     " tensors; write to a clone(), or let the others go first.");
  }
  return {storage_.get(), view_, dtype_};
}

std::string describe(const Tensor& tensor) {
  return std::string(to_string(tensor.dtype())) + " " + to_string(tensor.shape());
}
std::string describe(const MutableTensor& tensor) {
  return std::string(to_string(tensor.dtype())) + " " + to_string(tensor.shape());
}

template Tensor Tensor::from(std::span<const float>, const Shape&);
template Tensor Tensor::from(std::span<const double>, const Shape&);
template Tensor Tensor::from(std::span<const std::int64_t>, const Shape&);
template const float* Tensor::data() const;
template const double* Tensor::data() const;
template const std::int64_t* Tensor::data() const;
template float* MutableTensor::data() const;
template double* MutableTensor::data() const;
template std::int64_t* MutableTensor::data() const;

}  // namespace engine
