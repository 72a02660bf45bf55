// Ops that move elements about without computing. All are linear, and each is another's transpose:
//   reshape ↔ reshape    permute ↔ its inverse    slice ↔ pad    concat ↔ slices    broadcast_to ↔ sum    cast ↔ cast
//   take_rows ↔ put_rows
#include "engine/autodiff/combinators.hpp"
#include "engine/autodiff/trace.hpp"
#include "engine/backend/kernels.hpp"
#include "engine/ops/check.hpp"
#include "engine/ops/ops.hpp"

namespace engine {
namespace {

class Concat final : public Primitive {
 public:
  explicit Concat(int axis, std::vector<Shape> shapes) : axis_(axis), shapes_(std::move(shapes)) {}
  std::string_view name() const noexcept override { return "concat"; }

  Evaluation forward(VarSpan x, Save) const override {
    if (!all_plain(x)) return {dispatch(shared_from_this(), x), {}};
    std::vector<Tensor> parts;
    for (const Var& part : x) parts.push_back(part.tensor());
    return {{backend::concat(parts, axis_)}, {}};
  }
  Tangents pushforward(VarSpan, TangentSpan x_dot) const override {
    DType dtype{};
    for (const Tangent& part : x_dot) {
      if (part.has_value()) dtype = part->dtype();
    }
    Vars parts;
    for (std::size_t i = 0; i < x_dot.size(); ++i)
      parts.push_back(x_dot[i].has_value() ? *x_dot[i] : Var(Tensor::zeros(shapes_[i], dtype)));
    return {concat(parts, axis_)};
  }
  Tangents pullback(VarSpan, TangentSpan y_bar, const Wanted& wanted) const override {
    Tangents x_bar(shapes_.size());
    std::int64_t begin = 0;
    for (std::size_t i = 0; i < shapes_.size(); ++i) {
      const std::int64_t end = begin + shapes_[i][axis_];
      if (wanted[i]) x_bar[i] = slice(*y_bar[0], axis_, begin, end);
      begin = end;
    }
    return x_bar;
  }

 private:
  int axis_;
  std::vector<Shape> shapes_;
};

Tensor reshaped(const Tensor& x, const Shape& shape) {
  try {
    return x.reshape(shape);
  } catch (const ShapeError&) {
    return x.contiguous().reshape(shape);  // throws again if the counts differ
  }
}

void require_rows(std::string_view op, const Tensor& rows, std::int64_t N) {
  if (rows.dtype() != DType::i64)
    throw DTypeError(where(op) + "needs numbers of rows in i64; got " + describe(rows) + ".");
  const Tensor dense = rows.contiguous();
  for (std::int64_t i = 0; i < dense.numel(); ++i) {
    const std::int64_t row = dense.data<std::int64_t>()[i];
    if (row < 0 || row >= N) {
      throw ShapeError(where(op) + "the table has rows 0 .. " + std::to_string(N - 1) + "; number " +
                       std::to_string(i) + " is " + std::to_string(row) + ".");
    }
  }
}

}  // namespace

Var reshape(const Var& x, const Shape& shape) {
  return call(linear_op(
                  "reshape", [shape](std::span<const Tensor> t) { return reshaped(t[0], shape); },
                  [from = x.shape()](const Var& y_bar) { return reshape(y_bar, from); }, {.rearranges = true}),
              {x});
}

Var permute(const Var& x, const Axes& axes) {
  const int rank = x.shape().rank();
  const std::size_t count = require_axes("permute", x, axes).size();
  if (static_cast<int>(count) != rank)
    require(false, "permute", "needs every axis once, not " + std::to_string(count) + " axes", x);
  Axes inverse(axes.size());
  for (std::size_t i = 0; i < axes.size(); ++i)
    inverse[static_cast<std::size_t>(resolve_axis(axes[i], rank))] = static_cast<int>(i);
  return call(linear_op(
                  "permute", [axes](std::span<const Tensor> t) { return t[0].permute(axes); },
                  [inverse](const Var& y_bar) { return permute(y_bar, inverse); }, {.rearranges = true}),
              {x});
}

Var transpose(const Var& x) {
  require_open("transpose", x);
  const int rank = x.shape().rank();
  require(rank >= 2, "transpose", "needs at least two axes", x);
  Axes axes;
  for (int axis = 0; axis < rank; ++axis) axes.push_back(axis);
  std::swap(axes[axes.size() - 1], axes[axes.size() - 2]);
  return permute(x, axes);
}

Var slice(const Var& x, int axis, std::int64_t begin, std::int64_t end) {
  const std::int64_t extent = x.shape()[require_axis("slice", x, axis)];
  return call(linear_op(
                  "slice", [=](std::span<const Tensor> t) { return t[0].slice(axis, begin, end); },
                  [=](const Var& y_bar) { return pad(y_bar, axis, begin, extent - end); }),
              {x});
}

Var pad(const Var& x, int axis, std::int64_t before, std::int64_t after) {
  require_floating("pad", x);
  const int resolved = require_axis("pad", x, axis);
  if (before < 0 || after < 0) {
    throw ShapeError("[pad] needs extents before and after of at least 0; got " + std::to_string(before) + " and " +
                     std::to_string(after) + " for " + to_string(x.shape()) + ".");
  }
  const std::int64_t extent = x.shape()[resolved];
  return call(linear_op(
                  "pad",
                  [=](std::span<const Tensor> t) {
                    const Tensor parts[] = {Tensor::zeros(t[0].shape().with(resolved, before), t[0].dtype()), t[0],
                                            Tensor::zeros(t[0].shape().with(resolved, after), t[0].dtype())};
                    return backend::concat(parts, resolved);
                  },
                  [=](const Var& y_bar) { return slice(y_bar, resolved, before, before + extent); }),
              {x});
}

Var concat(VarSpan parts, int axis) {
  if (parts.empty()) throw ShapeError("[concat] needs at least one part.");
  const int resolved = require_axis("concat", parts[0], axis);
  std::vector<Shape> shapes;
  for (const Var& part : parts) {
    require_floating("concat", part);
    require_dtype("concat", parts[0], part);
    if (part.shape().rank() != parts[0].shape().rank() ||
        part.shape().with(resolved, 1) != parts[0].shape().with(resolved, 1)) {
      throw ShapeError("[concat] parts must agree on every axis but " + std::to_string(resolved) + "; got " +
                       to_string(parts[0].shape()) + " and " + to_string(part.shape()) + ".");
    }
    shapes.push_back(part.shape());
  }
  return dispatch(std::make_shared<const Concat>(resolved, std::move(shapes)), parts).front();
}

Var broadcast_to(const Var& x, const Shape& shape) {
  require_open("broadcast_to", x);
  if (x.shape() == shape) return x;
  const int more = shape.rank() - x.shape().rank();
  bool in_front = more >= 0;  // the axes along which x is repeated stand before its own
  for (int axis = 0; in_front && axis < x.shape().rank(); ++axis) in_front = x.shape()[axis] == shape[more + axis];
  return call(linear_op(
                  "broadcast_to", [shape](std::span<const Tensor> t) { return t[0].broadcast_to(shape); },
                  [from = x.shape()](const Var& y_bar) {
                    const int added = y_bar.shape().rank() - from.rank();
                    Axes repeated;
                    for (int axis = 0; axis < y_bar.shape().rank(); ++axis) {
                      if (axis < added || from[axis - added] != y_bar.shape()[axis]) repeated.push_back(axis);
                    }
                    return reshape(sum(y_bar, repeated), from);
                  },
                  {.repeats = in_front ? x.shape().numel() : 0}),
              {x});
}

Var cast(const Var& x, DType dtype) {
  require_floating("cast", x);
  if (dtype == DType::i64) throw DTypeError("[cast] goes between f32 and f64; got i64.");
  require_open("cast", x);
  if (x.dtype() == dtype) return x;
  return call(linear_op(
                  "cast", [dtype](std::span<const Tensor> t) { return t[0].to(dtype); },
                  [from = x.dtype()](const Var& y_bar) { return cast(y_bar, from); }),
              {x});
}

Var take_rows(const Var& table, const Tensor& rows) {
  require_floating("take_rows", table);
  require(table.shape().rank() == 2, "take_rows", "needs a table [N, C]", table);
  const std::int64_t N = table.shape()[0];
  require_rows("take_rows", rows, N);
  return call(linear_op(
                  "take_rows", [rows](std::span<const Tensor> t) { return backend::take_rows(t[0], rows); },
                  [rows, N](const Var& y_bar) { return put_rows(y_bar, rows, N); }),
              {table});
}

Var put_rows(const Var& x, const Tensor& rows, std::int64_t N) {
  require_floating("put_rows", x);
  require_rows("put_rows", rows, N);
  require(x.shape().rank() == rows.shape().rank() + 1 && x.shape().without(-1) == rows.shape(), "put_rows",
          "needs [..., C] with a row for each of the numbers " + to_string(rows.shape()), x);
  return call(linear_op(
                  "put_rows", [rows, N](std::span<const Tensor> t) { return backend::put_rows(t[0], rows, N); },
                  [rows](const Var& y_bar) { return take_rows(y_bar, rows); }),
              {x});
}

Var patchify(const Var& images, std::int64_t patch) {
  require_open("patchify", images);
  const Shape& shape = images.shape();
  require(shape.rank() == 4 && patch > 0 && shape[2] % patch == 0 && shape[3] % patch == 0, "patchify",
          "needs [B, C, H, W] with H and W multiples of the patch, " + std::to_string(patch), images);
  const std::int64_t B = shape[0];
  const std::int64_t C = shape[1];
  const std::int64_t rows = shape[2] / patch;
  const std::int64_t columns = shape[3] / patch;
  const Var tiles = reshape(images, {B, C, rows, patch, columns, patch});
  return reshape(permute(tiles, {0, 2, 4, 1, 3, 5}), {B, rows * columns, C * patch * patch});
}

}  // namespace engine
