// Tensors: views, the write gate, the allocator and the random streams.
#include "engine/tensor/tensor.hpp"

#include <boost/test/unit_test.hpp>
#include <thread>

#include "engine/ops/ops.hpp"
#include "engine/parallel/memory.hpp"
#include "engine/tensor/errors.hpp"
#include "tests/support/tensors.hpp"

using namespace engine;
using tests::values_of;

BOOST_AUTO_TEST_SUITE(tensor)

namespace {

Tensor counting(const Shape& shape) {
  std::vector<double> values;
  for (std::int64_t i = 0; i < shape.numel(); ++i) values.push_back(static_cast<double>(i));
  return Tensor::from<double>(values, shape);
}

}  // namespace

BOOST_AUTO_TEST_CASE(views_never_copy) {
  const Tensor x = counting({2, 3, 4});
  BOOST_CHECK(x.slice(1, 1, 2).storage() == x.storage());
  BOOST_CHECK(x.permute({2, 0, 1}).storage() == x.storage());
  BOOST_CHECK(x.reshape({6, 4}).storage() == x.storage());
  BOOST_CHECK(values_of(x.slice(1, 1, 2).slice(0, 1, 2)) == (std::vector<double>{16, 17, 18, 19}));
  BOOST_CHECK(values_of(x.slice(0, 0, 1).slice(1, 0, 1).reshape({4}).broadcast_to({2, 4})) ==
              (std::vector<double>{0, 1, 2, 3, 0, 1, 2, 3}));
  BOOST_CHECK_EQUAL(x.permute({2, 1, 0}).slice(0, 1, 2).reshape({3, 2}).stride(0), 4);  // a reshape that strides allow
}

BOOST_AUTO_TEST_CASE(a_reshape_that_needs_a_copy_throws) {
  BOOST_CHECK_THROW(counting({2, 3}).permute({1, 0}).reshape({6}), ShapeError);
  BOOST_CHECK_THROW(counting({2, 3}).reshape({5}), ShapeError);
  BOOST_CHECK(values_of(counting({2, 3}).permute({1, 0}).contiguous().reshape({6})) ==
              (std::vector<double>{0, 3, 1, 4, 2, 5}));
}

BOOST_AUTO_TEST_CASE(a_reshape_of_repeated_elements_copies_or_throws) {
  const Tensor repeated = Tensor::from<double>({1, 2}, {2, 1}).broadcast_to({2, 3});
  BOOST_CHECK_THROW(repeated.reshape({6}), ShapeError);
  BOOST_CHECK(values_of(engine::reshape(repeated, {6}).tensor()) == (std::vector<double>{1, 1, 1, 2, 2, 2}));
  const Tensor rows = Tensor::from<double>({1, 2}, {2}).broadcast_to({4, 2});
  BOOST_CHECK(values_of(rows.reshape({2, 2, 2})) ==
              (std::vector<double>{1, 2, 1, 2, 1, 2, 1, 2}));  // strides 0, 0, 1 say it
}

BOOST_AUTO_TEST_CASE(sizes_beyond_any_memory_are_refused) {
  BOOST_CHECK_THROW(Tensor::empty({std::int64_t{1} << 60}), std::bad_alloc);
}

BOOST_AUTO_TEST_CASE(a_zero_does_not_hide_extents_beyond_any_memory) {
  const std::int64_t much = std::int64_t{1} << 40;
  BOOST_CHECK_THROW(Shape({0, much, much}), ShapeError);
  BOOST_CHECK_THROW(Shape({much, much, 0}), ShapeError);
  BOOST_CHECK_EQUAL(Tensor::zeros({0, much}).numel(), 0);
}

BOOST_AUTO_TEST_CASE(shared_storage_is_not_written) {
  Tensor x = counting({4});
  x.writable().data<double>()[0] = 7.0;
  const Tensor view = x.slice(0, 0, 2);
  BOOST_CHECK_EXCEPTION(x.writable(), AliasError, [](const AliasError& error) {
    return std::string(error.what()).find("f64 [4] is shared by 2 tensors") != std::string::npos;
  });
  Tensor own = view.clone();
  own.writable().data<double>()[1] = 9.0;
  BOOST_CHECK(values_of(x) == (std::vector<double>{7, 1, 2, 3}));
}

BOOST_AUTO_TEST_CASE(misuse_is_named) {
  BOOST_CHECK_THROW(counting({2}).data<float>(), DTypeError);
  BOOST_CHECK_THROW(counting({2}).item(), ShapeError);
  BOOST_CHECK_THROW(counting({2}).slice(0, 1, 3), ShapeError);
  BOOST_CHECK_THROW(counting({2}).slice(1, 0, 1), ShapeError);
  BOOST_CHECK_THROW(counting({2, 2}).permute({0, 0}), ShapeError);
  BOOST_CHECK_THROW(counting({2, 2}).broadcast_to({3, 2}), ShapeError);
  BOOST_CHECK_THROW(Tensor::from<float>({1.0F, 2.0F}, {3}), ShapeError);
  BOOST_CHECK_THROW(Shape({std::int64_t{1} << 40, std::int64_t{1} << 40}), ShapeError);
  BOOST_CHECK_THROW(Shape({-1}), ShapeError);
  BOOST_CHECK_THROW(Shape({1, 1, 1, 1, 1, 1, 1}), ShapeError);
}

BOOST_AUTO_TEST_CASE(empty_tensors_are_ordinary) {
  const Tensor x = Tensor::zeros({0, 3});
  BOOST_CHECK_EQUAL(x.numel(), 0);
  BOOST_CHECK_EQUAL(x.clone().numel(), 0);
  BOOST_CHECK(x.reshape({3, 0}).is_contiguous());
}

BOOST_AUTO_TEST_CASE(conversion_keeps_values) {
  const Tensor x = counting({2, 2}).permute({1, 0});
  BOOST_CHECK(values_of(x.to(DType::f32)) == (std::vector<double>{0, 2, 1, 3}));
  BOOST_CHECK(values_of(x.to(DType::i64)) == (std::vector<double>{0, 2, 1, 3}));
}

BOOST_AUTO_TEST_CASE(memory_is_counted_and_used_again) {
  const std::int64_t live = memory_stats().live_bytes;
  { const Tensor x = Tensor::zeros({1000}); }
  [[maybe_unused]] const std::int64_t requests = memory_stats().system_requests;  // not counted under sanitizers
  reset_peak_memory();
  {
    const Tensor x = Tensor::zeros({1000});
    BOOST_CHECK_GE(memory_stats().live_bytes - live, 4000);
    BOOST_CHECK_GE(memory_stats().peak_bytes - live, 4000);
  }
  BOOST_CHECK_EQUAL(memory_stats().live_bytes, live);
#if !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)  // under these every block is new, so that misuse is seen
  BOOST_CHECK_EQUAL(memory_stats().system_requests, requests);
#endif
  // What another thread made is freed here, and found again by the next thread.
  Tensor from_thread = Tensor::zeros({1});
  std::thread([&] { from_thread = Tensor::zeros({5000}); }).join();
  BOOST_CHECK_EQUAL(from_thread.numel(), 5000);
}

BOOST_AUTO_TEST_CASE(random_streams_are_addressed) {
  BOOST_CHECK_EQUAL(Random({1, 2, 3}).bits(), Random({1, 2, 3}).bits());
  BOOST_CHECK_NE(Random({1, 2, 3}).bits(), Random({1, 2, 4}).bits());
  BOOST_CHECK_NE(Random({1, 2}).bits(), Random({2, 1}).bits());
  Random random(7);
  double mean = 0.0;
  double square = 0.0;
  for (int i = 0; i < 20000; ++i) {
    const double x = random.normal();
    mean += x / 20000;
    square += x * x / 20000;
  }
  BOOST_CHECK_SMALL(mean, 0.03);  // four standard errors
  BOOST_CHECK_SMALL(square - 1.0, 0.04);
}

BOOST_AUTO_TEST_SUITE_END()
