// Products whose factors are rounded to bf16.
#include "engine/parallel/precision.hpp"

#include <bit>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "engine/backend/brain_float.hpp"
#include "engine/backend/kernels.hpp"
#include "tests/support/tensors.hpp"

using namespace engine;

BOOST_AUTO_TEST_SUITE(precision_of_products)

namespace {

struct InBf16 {
  InBf16() { set_precision(Precision::bf16); }
  ~InBf16() { set_precision(Precision::f32); }
};

// f32 [...] rounded to bf16, as f64
Tensor rounded(const Tensor& x) {
  const Tensor dense = x.clone();
  const backend::BrainFloats bits = backend::round_to_bf16(dense);
  const auto* const halves = reinterpret_cast<const std::uint16_t*>(bits.bits.get());
  std::vector<double> values;
  for (std::int64_t i = 0; i < dense.numel(); ++i) {
    values.push_back(std::bit_cast<float>(std::uint32_t{halves[i]} << 16));
  }
  const Tensor result = Tensor::from<double>(values, x.shape());
  tests::check_same_bits(backend::values_in_bf16(x).to(DType::f64), result, "the rounded values as f32");
  return result;
}

float bf16(float x) { return static_cast<float>(rounded(Tensor::full({1, 1}, x)).item()); }

}  // namespace

BOOST_AUTO_TEST_CASE(rounding_is_to_nearest_and_ties_go_to_even) {
  const float step = std::exp2(-7.0F);  // between neighbours of 1
  BOOST_CHECK_EQUAL(bf16(1.0F), 1.0F);
  BOOST_CHECK_EQUAL(bf16(1.0F + 0.49F * step), 1.0F);
  BOOST_CHECK_EQUAL(bf16(1.0F + 0.5F * step), 1.0F);
  BOOST_CHECK_EQUAL(bf16(1.0F + 0.51F * step), 1.0F + step);
  BOOST_CHECK_EQUAL(bf16(1.0F + 1.5F * step), 1.0F + 2 * step);
  BOOST_CHECK_EQUAL(bf16(-1.0F - 0.51F * step), -1.0F - step);
  BOOST_CHECK_EQUAL(bf16(std::numeric_limits<float>::max()), std::numeric_limits<float>::infinity());
  BOOST_CHECK_EQUAL(bf16(-std::numeric_limits<float>::infinity()), -std::numeric_limits<float>::infinity());
  BOOST_CHECK(std::isnan(bf16(std::bit_cast<float>(0x7F800001U))));
}

BOOST_AUTO_TEST_CASE(a_product_is_that_of_the_rounded_factors) {
  Random random(1);
  const auto matrices = [&](std::int64_t rows, std::int64_t columns, bool by_columns) {
    const Shape shape = by_columns ? Shape{3, columns, rows} : Shape{3, rows, columns};
    const Tensor x = tests::random_tensor(shape, random, 1.0, DType::f32);
    return by_columns ? x.permute({0, 2, 1}) : x;
  };
  const Tensor bias = tests::random_tensor({40}, random, 1.0, DType::f32);
  const Tensor bias_f64 = bias.to(DType::f64);
  for (const bool a_by_columns : {false, true}) {
    for (const bool b_by_columns : {false, true}) {
      const Tensor a = matrices(37, 150, a_by_columns);
      const Tensor b = matrices(150, 40, b_by_columns);
      const Tensor first_a = a.slice(0, 0, 1).reshape({37, 150});
      const Tensor first_b = b.slice(0, 0, 1).reshape({150, 40});
      Tensor stack = Tensor::empty({3, 37, 40});
      Tensor twice = Tensor::empty({37, 40});
      {
        const InBf16 scope;
        backend::matmul(a, b, stack.writable());
        backend::matmul(first_a, first_b, twice.writable(), {.bias = &bias});
        backend::matmul(first_a, first_b, twice.writable(), {.accumulate = true});
      }
      Tensor exact = Tensor::empty(stack.shape(), DType::f64);
      Tensor exact_twice = Tensor::empty(twice.shape(), DType::f64);
      backend::matmul(rounded(a), rounded(b), exact.writable());
      backend::matmul(rounded(first_a), rounded(first_b), exact_twice.writable(), {.bias = &bias_f64});
      backend::matmul(rounded(first_a), rounded(first_b), exact_twice.writable(), {.accumulate = true});
      tests::check_relative(stack, exact, 1e-6, "a stack");
      tests::check_relative(twice, exact_twice, 1e-6, "with an epilogue");

      Tensor unrounded = Tensor::empty(stack.shape());
      backend::matmul(a, b, unrounded.writable());
      backend::matmul(a.to(DType::f64), b.to(DType::f64), exact.writable());
      tests::check_relative(unrounded, exact, 1e-6, "f32 afterwards, at the same extents and strides");
      BOOST_CHECK(tests::values_of(stack) != tests::values_of(unrounded));
    }
  }
}

BOOST_AUTO_TEST_CASE(double_precision_is_left_alone) {
  Random random(2);
  const Tensor a = tests::random_tensor({40, 40}, random);
  Tensor before = Tensor::empty({40, 40}, DType::f64);
  Tensor after = Tensor::empty({40, 40}, DType::f64);
  backend::matmul(a, a, before.writable());
  {
    const InBf16 scope;
    backend::matmul(a, a, after.writable());
  }
  tests::check_same_bits(before, after, "f64");
}

BOOST_AUTO_TEST_SUITE_END()
