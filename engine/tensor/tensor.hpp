// Tensor: an immutable, strided, reference-counted view of storage. It knows no derivative and no arithmetic.
//
// Immutable with one write gate: a recording holds θ0 as a residual. If an optimizer overwrote it, push and pull would
// silently be taken at different points. `writable()` demands that nobody else holds the storage, so the mistake is an
// exception.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>

#include "engine/tensor/dtype.hpp"
#include "engine/tensor/shape.hpp"
#include "engine/tensor/view.hpp"

namespace engine {

using Storage = std::shared_ptr<std::byte>;

// Storage of at least `bytes` bytes, aligned to 64. Defined in engine/backend/allocator.cpp, so that tensors know no
// allocator.
Storage acquire(std::int64_t bytes);

// A writable view that does not own. Valid while the tensor it came from lives.
class MutableTensor {
 public:
  MutableTensor(std::byte* base, View view, DType dtype) noexcept : base_(base), view_(view), dtype_(dtype) {}
  const Shape& shape() const noexcept { return view_.shape; }
  std::int64_t stride(int axis) const { return view_.stride(axis); }
  const View& view() const noexcept { return view_; }
  DType dtype() const noexcept { return dtype_; }
  bool is_contiguous() const noexcept { return view_.is_dense(); }
  MutableTensor slice(int axis, std::int64_t begin, std::int64_t end) const {
    return {base_, view_.slice(axis, begin, end), dtype_};
  }
  MutableTensor permute(std::initializer_list<int> axes) const {
    return {base_, view_.permute({axes.begin(), axes.size()}), dtype_};
  }
  MutableTensor reshape(const Shape& shape) const { return {base_, view_.reshape(shape), dtype_}; }
  template <Element T>
  T* data() const;  // the first element; throws DTypeError if T is not the element type

 private:
  std::byte* base_;
  View view_;
  DType dtype_;
};

class Tensor {
 public:
  static Tensor empty(const Shape& shape, DType dtype = DType::f32);
  static Tensor zeros(const Shape& shape, DType dtype = DType::f32);
  static Tensor full(const Shape& shape, double value, DType dtype = DType::f32);
  template <Element T>
  static Tensor from(std::span<const T> values, const Shape& shape);  // throws ShapeError if the counts differ
  template <Element T>
  static Tensor from(std::initializer_list<T> values, const Shape& shape) {
    return from(std::span<const T>(values.begin(), values.size()), shape);
  }

  const Shape& shape() const noexcept { return view_.shape; }
  std::int64_t stride(int axis) const { return view_.stride(axis); }  // in elements
  const View& view() const noexcept { return view_; }
  DType dtype() const noexcept { return dtype_; }
  std::int64_t numel() const noexcept { return view_.shape.numel(); }
  std::int64_t bytes() const noexcept { return numel() * size_of(dtype_); }
  bool is_contiguous() const noexcept { return view_.is_dense(); }

  Tensor slice(int axis, std::int64_t begin, std::int64_t end) const;  // these four never copy (see view.hpp)
  Tensor permute(std::span<const int> axes) const;
  Tensor permute(std::initializer_list<int> axes) const { return permute(std::span(axes.begin(), axes.size())); }
  Tensor reshape(const Shape& shape) const;
  Tensor broadcast_to(const Shape& shape) const;

  Tensor contiguous() const;     // copies unless already dense
  Tensor clone() const;          // always copies; the result is dense and shares with nobody
  Tensor to(DType dtype) const;  // copies unless the type is already this one

  template <Element T>
  const T* data() const;     // the first element; throws DTypeError if T is not the element type
  double item() const;       // the value of a tensor of one element; throws ShapeError otherwise
  MutableTensor writable();  // the only way to write; throws AliasError if anyone else holds the storage
  bool is_shared() const noexcept { return storage_.use_count() != 1; }
  const std::byte* storage() const noexcept { return storage_.get(); }

 private:
  Tensor(Storage storage, View view, DType dtype) noexcept : storage_(std::move(storage)), view_(view), dtype_(dtype) {}
  Storage storage_;
  View view_;
  DType dtype_ = DType::f32;
};

std::string describe(const Tensor& tensor);  // "f32 [2, 50, 768]"
std::string describe(const MutableTensor& tensor);

}  // namespace engine
