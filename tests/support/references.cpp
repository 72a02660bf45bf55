#include "tests/support/references.hpp"

#include <algorithm>
#include <cmath>

#include "engine/ops/ops.hpp"
#include "tests/support/tensors.hpp"

namespace tests {

using engine::DType;
using engine::Shape;
using engine::Tensor;

namespace {

Index index_at(std::int64_t position, const Shape& shape) {
  Index index(static_cast<std::size_t>(shape.rank()));
  for (std::size_t axis = index.size(); axis-- > 0;) {
    index[axis] = position % shape[static_cast<int>(axis)];
    position /= shape[static_cast<int>(axis)];
  }
  return index;
}

std::size_t position_of(const Index& index, const Shape& shape) {
  std::int64_t position = 0;
  for (std::size_t axis = 0; axis < index.size(); ++axis)
    position = position * shape[static_cast<int>(axis)] + index[axis];
  return static_cast<std::size_t>(position);
}

}  // namespace

Reference elementwise(double (*f)(double)) {
  return [f](const std::vector<Tensor>& x) {
    std::vector<double> values = values_of(x[0]);
    for (double& value : values) value = f(value);
    return Tensor::from<double>(values, x[0].shape());
  };
}

Reference elementwise(double (*f)(double, double)) {
  return [f](const std::vector<Tensor>& x) {
    std::vector<double> values = values_of(x[0]);
    const std::vector<double> right = values_of(x[1]);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = f(values[i], right[i]);
    return Tensor::from<double>(values, x[0].shape());
  };
}

Reference rowwise(const std::function<void(double*, std::size_t)>& f) {
  return [f](const std::vector<Tensor>& x) {
    std::vector<double> values = values_of(x[0]);
    const std::size_t length = static_cast<std::size_t>(x[0].shape()[-1]);
    for (std::size_t begin = 0; begin < values.size(); begin += length) f(values.data() + begin, length);
    return Tensor::from<double>(values, x[0].shape());
  };
}

double gelu_of(double z) { return z * 0.5 * (1.0 + std::erf(z / std::sqrt(2.0))); }
double quick_gelu_of(double z) { return z / (1.0 + std::exp(-1.702 * z)); }

void softmax_row(double* row, std::size_t length) {
  double total = 0.0;
  for (std::size_t i = 0; i < length; ++i) total += std::exp(row[i]);
  for (std::size_t i = 0; i < length; ++i) row[i] = std::exp(row[i]) / total;
}

void unit_row(double* row, std::size_t length) {
  double total = 0.0;
  for (std::size_t i = 0; i < length; ++i) total += row[i] * row[i];
  for (std::size_t i = 0; i < length; ++i) row[i] /= std::sqrt(total);
}

Tensor naive_layer_norm(const std::vector<Tensor>& x, double eps) {
  const std::vector<double> gamma = values_of(x[1]);
  const std::vector<double> beta = values_of(x[2]);
  const auto norm_row = [&](double* row, std::size_t length) {
    double mean = 0.0;
    double variance = 0.0;
    for (std::size_t i = 0; i < length; ++i) mean += row[i] / static_cast<double>(length);
    for (std::size_t i = 0; i < length; ++i)
      variance += (row[i] - mean) * (row[i] - mean) / static_cast<double>(length);
    for (std::size_t i = 0; i < length; ++i) row[i] = gamma[i] * (row[i] - mean) / std::sqrt(variance + eps) + beta[i];
  };
  return rowwise(norm_row)(x);
}

Tensor naive_matmul(const std::vector<Tensor>& x) {
  const std::vector<double> a = values_of(x[0]);
  const std::vector<double> b = values_of(x[1]);
  const std::size_t K = static_cast<std::size_t>(x[0].shape()[-1]);
  const std::size_t M = static_cast<std::size_t>(x[0].shape()[-2]);
  const std::size_t N = static_cast<std::size_t>(x[1].shape()[-1]);
  const Shape shape = x[0].shape().with(-1, x[1].shape()[-1]);
  std::vector<double> product(static_cast<std::size_t>(shape.numel()), 0.0);
  for (std::size_t row = 0; row < a.size() / K; ++row) {
    const double* matrix = b.data() + row / M * K * N;
    for (std::size_t k = 0; k < K; ++k) {
      for (std::size_t n = 0; n < N; ++n) product[row * N + n] += a[row * K + k] * matrix[k * N + n];
    }
  }
  return Tensor::from<double>(product, shape);
}

Tensor naive_linear(const std::vector<Tensor>& x, const std::function<double(double)>& g) {
  const std::vector<double> rows = values_of(x[0]);
  const std::vector<double> weight = values_of(x[1]);
  const std::vector<double> bias =
      x.size() > 2 ? values_of(x[2]) : std::vector<double>(static_cast<std::size_t>(x[1].shape()[0]), 0.0);
  const std::size_t I = static_cast<std::size_t>(x[1].shape()[1]);
  const std::size_t O = bias.size();
  std::vector<double> out(rows.size() / I * O);
  for (std::size_t r = 0; r < rows.size() / I; ++r) {
    for (std::size_t o = 0; o < O; ++o) {
      double z = bias[o];
      for (std::size_t i = 0; i < I; ++i) z += rows[r * I + i] * weight[o * I + i];
      out[r * O + o] = g(z);
    }
  }
  return Tensor::from<double>(out, x[0].shape().with(-1, x[1].shape()[0]));
}

Tensor naive_linear_add(const std::vector<Tensor>& x) {
  std::vector<double> values = values_of(naive_linear({x[0], x[1], x[2]}, [](double z) { return z; }));
  const std::vector<double> addend = values_of(x[3]);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] += addend[i];
  return Tensor::from<double>(values, x[3].shape());
}

Tensor naive_attention(const Tensor& qkv, std::int64_t heads, bool causal) {
  const std::int64_t B = qkv.shape()[0];
  const std::int64_t T = qkv.shape()[1];
  const std::int64_t C = qkv.shape()[2] / 3;
  const std::int64_t d = C / heads;
  const std::vector<double> x = values_of(qkv);
  const auto at = [&](std::int64_t b, std::int64_t t, std::int64_t part, std::int64_t c) {
    return x[static_cast<std::size_t>((b * T + t) * 3 * C + part * C + c)];
  };
  std::vector<double> out(static_cast<std::size_t>(B * T * C), 0.0);
  for (std::int64_t b = 0; b < B; ++b) {
    for (std::int64_t h = 0; h < heads; ++h) {
      for (std::int64_t i = 0; i < T; ++i) {
        std::vector<double> p;
        double total = 0.0;
        const std::int64_t seen = causal ? i + 1 : T;
        for (std::int64_t j = 0; j < seen; ++j) {
          double score = 0.0;
          for (std::int64_t c = h * d; c < (h + 1) * d; ++c) score += at(b, i, 0, c) * at(b, j, 1, c);
          p.push_back(std::exp(score / std::sqrt(static_cast<double>(d))));
          total += p.back();
        }
        for (std::int64_t j = 0; j < seen; ++j) {
          for (std::int64_t c = h * d; c < (h + 1) * d; ++c) {
            out[static_cast<std::size_t>((b * T + i) * C + c)] +=
                p[static_cast<std::size_t>(j)] / total * at(b, j, 2, c);
          }
        }
      }
    }
  }
  return Tensor::from<double>(out, {B, T, C});
}

Tensor naive_cross_entropy(const Tensor& logits, const Tensor& targets) {
  const std::vector<double> p = values_of(rowwise(softmax_row)({logits}));
  const std::vector<double> t = values_of(targets);
  double loss = 0.0;
  for (std::size_t i = 0; i < p.size(); ++i) loss -= t[i] * std::log(p[i]) / static_cast<double>(logits.shape()[0]);
  return Tensor::full({}, loss, engine::DType::f64);
}

Tensor naive_sum(const Tensor& x, const engine::Axes& axes) {
  Index kept;
  for (int axis = 0; axis < x.shape().rank(); ++axis) {
    if (std::ranges::find(axes, axis) == axes.end()) kept.push_back(axis);
  }
  std::vector<std::int64_t> extents;
  for (const std::int64_t axis : kept) extents.push_back(x.shape()[static_cast<int>(axis)]);
  const Shape shape(extents);
  const std::vector<double> values = values_of(x);
  std::vector<double> sums(static_cast<std::size_t>(shape.numel()), 0.0);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const Index index = index_at(static_cast<std::int64_t>(i), x.shape());
    Index target;
    for (const std::int64_t axis : kept) target.push_back(index[static_cast<std::size_t>(axis)]);
    sums[position_of(target, shape)] += values[i];
  }
  return Tensor::from<double>(sums, shape);
}

Tensor gathered(const Tensor& x, const Shape& shape, const std::function<std::optional<Index>(const Index&)>& source) {
  const std::vector<double> values = values_of(x);
  std::vector<double> result;
  for (std::int64_t i = 0; i < shape.numel(); ++i) {
    const std::optional<Index> from = source(index_at(i, shape));
    result.push_back(from.has_value() ? values[position_of(*from, x.shape())] : 0.0);
  }
  return Tensor::from<double>(result, shape);
}

engine::Vars cast_there_and_back(engine::VarSpan x) {
  const DType other = x[0].dtype() == DType::f64 ? DType::f32 : DType::f64;
  return {engine::cast(engine::cast(x[0], other), x[0].dtype())};
}

RuleOptions cast_options() {
  return {.reference = elementwise(+[](double x) { return static_cast<double>(static_cast<float>(x)); }),
          .difference_tolerance = 5e-2,
          .exact_tolerance = 1e-6};
}

}  // namespace tests
