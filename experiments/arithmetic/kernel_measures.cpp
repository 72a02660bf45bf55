#include "experiments/arithmetic/kernel_measures.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "engine/linalg/symmetric_eig.hpp"
#include "engine/ops/ops.hpp"

namespace experiments {

using engine::DType;
using engine::Range;
using engine::Tensor;

namespace {

double element(const Tensor& matrix, std::int64_t row, std::int64_t column) {
  return matrix.data<double>()[row * matrix.stride(0) + column * matrix.stride(1)];
}

}  // namespace

Tensor part_of_kernel(const Tensor& kernel, std::span<const Range> rows, std::span<const Range> columns) {
  engine::Vars all;
  for (const Range& row : rows) {
    engine::Vars parts;
    for (const Range& column : columns)
      parts.emplace_back(kernel.slice(0, row.begin, row.end).slice(1, column.begin, column.end));
    all.push_back(engine::concat(parts, 1));
  }
  return engine::concat(all, 0).tensor();
}

Tensor centred(const Tensor& kernel) {
  const std::int64_t n = kernel.shape()[0];
  const auto without_mean = [&](const engine::Var& x, int axis) {
    engine::Shape row = kernel.shape();
    return engine::sub(x, engine::broadcast_to(engine::reshape(engine::mean(x, {axis}), row.with(axis, 1)), {n, n}));
  };
  return without_mean(without_mean(kernel, 0), 1).tensor();
}

Eigenfunctions eigenfunctions(const Tensor& kernel, std::int64_t most) {
  const engine::SymmetricEig eig = engine::symmetric_eig(kernel);
  const std::int64_t n = kernel.shape()[0];
  const std::int64_t R = std::min(n, most);
  Eigenfunctions found{{}, Tensor::empty({n, R}, DType::f64)};
  double* phi = found.functions.writable().data<double>();
  const auto count = static_cast<double>(n);
  for (std::int64_t r = 0; r < R; ++r) {
    found.values.push_back(eig.values.data<double>()[n - 1 - r] / count);
    for (std::int64_t i = 0; i < n; ++i) phi[i * R + r] = std::sqrt(count) * element(eig.vectors, i, n - 1 - r);
  }
  return found;
}

Tensor extended(const Eigenfunctions& known, const Tensor& kernel) {
  Tensor phi = engine::matmul(kernel, known.functions).tensor();
  const auto n = static_cast<double>(known.functions.shape()[0]);
  const std::int64_t R = phi.shape()[1];
  double* values = phi.writable().data<double>();
  for (std::int64_t i = 0; i < phi.numel(); ++i) {
    const double lambda = known.values[static_cast<std::size_t>(i % R)];
    values[i] = lambda > 0.0 ? values[i] / (n * lambda) : 0.0;
  }
  return phi;
}

double kernel_cosine(const Tensor& kernel, Range a, Range b) {
  double total = 0.0;
  std::int64_t pairs = 0;
  for (std::int64_t i = a.begin; i < a.end; ++i) {
    for (std::int64_t j = b.begin; j < b.end; ++j) {
      if (i == j) continue;
      total += element(kernel, i, j) / std::sqrt(element(kernel, i, i) * element(kernel, j, j));
      ++pairs;
    }
  }
  return total / static_cast<double>(pairs);
}

double participation(std::span<const double> values) {
  double sum = 0.0;
  double squares = 0.0;
  for (const double value : values) {
    sum += value;
    squares += value * value;
  }
  return sum * sum / squares;
}

std::vector<double> squared_coefficients(const Eigenfunctions& of, Range task, std::span<const std::int64_t> labels) {
  std::map<std::int64_t, double> share;
  for (const std::int64_t label : labels) share[label] += 1.0 / static_cast<double>(labels.size());
  const std::int64_t n = of.functions.shape()[0];
  std::vector<double> coefficients;
  for (std::int64_t r = 0; r < of.functions.shape()[1]; ++r) {
    double squares = 0.0;
    for (const auto& [label, mean] : share) {
      double product = 0.0;
      for (std::int64_t i = task.begin; i < task.end; ++i) {
        const double y = (labels[static_cast<std::size_t>(i - task.begin)] == label ? 1.0 : 0.0) - mean;
        product += y * element(of.functions, i, r);
      }
      product /= static_cast<double>(n);
      squares += product * product;
    }
    coefficients.push_back(squares);
  }
  return coefficients;
}

double local_energy(const Tensor& functions, Range of, std::span<const double> weights) {
  double sum = 0.0;
  for (const double weight : weights) sum += weight;
  double total = 0.0;
  for (std::int64_t i = of.begin; i < of.end; ++i) {
    for (std::size_t r = 0; r < weights.size(); ++r) {
      const double phi = element(functions, i, static_cast<std::int64_t>(r));
      total += weights[r] * phi * phi;
    }
  }
  return total / sum / static_cast<double>(of.end - of.begin);
}

std::vector<double> localisation(const Eigenfunctions& of, std::int64_t first) {
  const std::int64_t n = of.functions.shape()[0];
  std::vector<double> shares;
  for (std::int64_t r = 0; r < of.functions.shape()[1]; ++r) {
    double inside = 0.0;
    for (std::int64_t i = 0; i < first; ++i) {
      const double phi = element(of.functions, i, r);
      inside += phi * phi / static_cast<double>(n);
    }
    shares.push_back(std::max(inside, 1.0 - inside));
  }
  return shares;
}

}  // namespace experiments
