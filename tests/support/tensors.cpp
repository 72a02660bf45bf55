#include "tests/support/tensors.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstring>

namespace tests {

using engine::DType;
using engine::Random;
using engine::Shape;
using engine::Tensor;

Tensor random_tensor(const Shape& shape, Random& random, double scale, DType dtype) {
  std::vector<double> values;
  for (std::int64_t i = 0; i < shape.numel(); ++i) values.push_back(scale * random.normal());
  return Tensor::from<double>(values, shape).to(dtype);
}

Tensor uniform_tensor(const Shape& shape, Random& random, double low, double high) {
  std::vector<double> values;
  for (std::int64_t i = 0; i < shape.numel(); ++i) values.push_back(random.uniform(low, high));
  return Tensor::from<double>(values, shape);
}

std::vector<double> values_of(const Tensor& tensor) {
  const Tensor dense = tensor.to(DType::f64).contiguous();
  return {dense.data<double>(), dense.data<double>() + dense.numel()};
}

namespace {

// |a − b| <= tolerance·(floor + max|b|) everywhere.
void check_within(const Tensor& a, const Tensor& b, double tolerance, double floor, const std::string& what) {
  BOOST_REQUIRE_MESSAGE(a.shape() == b.shape(),
                        what << ": shapes differ, " << to_string(a.shape()) << " and " << to_string(b.shape()));
  const std::vector<double> left = values_of(a);
  const std::vector<double> right = values_of(b);
  double largest = floor;
  for (const double value : right) largest = std::max(largest, floor + std::abs(value));
  std::size_t worst = 0;
  double difference = -1.0;
  for (std::size_t i = 0; i < left.size(); ++i) {
    const double d = std::abs(left[i] - right[i]);
    if (!(d <= difference)) {
      difference = d;
      worst = i;
      if (std::isnan(d)) break;
    }
  }
  BOOST_CHECK_MESSAGE(left.empty() || difference <= tolerance * largest,
                      what << ": worst at element " << worst << " of " << to_string(a.shape()) << ": "
                           << (left.empty() ? 0 : left[worst]) << " against " << (right.empty() ? 0 : right[worst])
                           << ", difference " << difference << ", tolerance " << tolerance * largest);
}

}  // namespace

void check_close(const Tensor& a, const Tensor& b, double tolerance, const std::string& what) {
  check_within(a, b, tolerance, 1.0, what);
}

void check_relative(const Tensor& a, const Tensor& b, double tolerance, const std::string& what) {
  check_within(a, b, tolerance, 0.0, what);
}

void check_same_bits(const Tensor& a, const Tensor& b, const std::string& what) {
  BOOST_REQUIRE_MESSAGE(a.shape() == b.shape() && a.dtype() == b.dtype(),
                        what << ": " << describe(a) << " and " << describe(b));
  const Tensor left = a.contiguous();
  const Tensor right = b.contiguous();
  const std::size_t bytes = static_cast<std::size_t>(a.bytes());
  const bool same = a.dtype() == DType::f32 ? std::memcmp(left.data<float>(), right.data<float>(), bytes) == 0
                    : a.dtype() == DType::f64
                        ? std::memcmp(left.data<double>(), right.data<double>(), bytes) == 0
                        : std::memcmp(left.data<std::int64_t>(), right.data<std::int64_t>(), bytes) == 0;
  if (!same) check_close(a, b, 0.0, what);
  BOOST_CHECK_MESSAGE(same, what << ": bits differ");
}

double inner(engine::TangentSpan a, engine::TangentSpan b) {
  double total = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!a[i].has_value() || !b[i].has_value()) continue;
    const std::vector<double> left = values_of(a[i]->tensor());
    const std::vector<double> right = values_of(b[i]->tensor());
    for (std::size_t j = 0; j < left.size(); ++j) total += left[j] * right[j];
  }
  return total;
}

}  // namespace tests
