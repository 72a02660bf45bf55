// The layouts that random_ops draws: all of them occur, and f32 has the values and the strides of f64.
#include "tests/support/layouts.hpp"

#include <boost/test/unit_test.hpp>

#include "tests/support/tensors.hpp"

using namespace engine;

BOOST_AUTO_TEST_SUITE(layouts)

BOOST_AUTO_TEST_CASE(narrowed_tensors_keep_values_and_strides) {
  Random random(2611);
  std::int64_t dense = 0;
  std::int64_t repeated = 0;
  std::int64_t repeated_in_rows = 0;
  std::int64_t with_gaps = 0;
  std::int64_t in_another_order = 0;
  for (int i = 0; i < 400; ++i) {
    std::vector<std::int64_t> extents(static_cast<std::size_t>(random.index(kMaxRank + 1)));
    for (std::int64_t& extent : extents) extent = 1 + random.index(3);
    const Tensor x = tests::laid_out(tests::random_tensor(Shape(extents), random), random, i % 2 == 1);
    const Tensor narrow = tests::narrowed(x);  // throws if the strides are others
    tests::check_same_bits(narrow, x.to(DType::f32), "values of " + to_string(x.shape()));
    const int last = x.shape().rank() - 1;
    if (last < 0) continue;
    for (int axis = 0; axis <= last; ++axis) {
      repeated += x.shape()[axis] > 1 && x.stride(axis) == 0 ? 1 : 0;
      in_another_order += x.shape()[axis] > 1 && axis < last && x.stride(axis) == 1 && x.shape()[last] > 1 ? 1 : 0;
    }
    dense += x.is_contiguous() ? 1 : 0;
    with_gaps += x.stride(last) > x.numel() ? 1 : 0;
    const bool rows = x.shape()[last] > 1 && x.stride(last) == 0;
    repeated_in_rows += rows ? 1 : 0;
    BOOST_CHECK(!(rows && i % 2 == 1));
  }
  for (const std::int64_t count : {dense, repeated, repeated_in_rows, with_gaps, in_another_order})
    BOOST_CHECK_GT(count, 10);
}

BOOST_AUTO_TEST_CASE(empty_tensors_are_narrowed_too) {
  const Tensor x = Tensor::zeros({2, 0, 3}, DType::f64);
  BOOST_CHECK(tests::narrowed(x).shape() == x.shape());
  BOOST_CHECK(tests::narrowed(x).dtype() == DType::f32);
}

BOOST_AUTO_TEST_SUITE_END()
