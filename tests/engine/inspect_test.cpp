// Watching the rules: the message when a value stops being finite, and where the time goes.
#include "engine/autodiff/inspect.hpp"

#include <boost/test/unit_test.hpp>
#include <limits>

#include "engine/autodiff/transforms.hpp"
#include "engine/ops/ops.hpp"
#include "engine/tensor/errors.hpp"
#include "engine/tensor/finite.hpp"
#include "tests/support/check_error.hpp"
#include "tests/support/tensors.hpp"

using namespace engine;

BOOST_AUTO_TEST_SUITE(inspect)

namespace {

struct CheckFinite {
  CheckFinite() { set_check_finite(true); }
  ~CheckFinite() { set_check_finite(false); }
};

const Function kRoot = [](VarSpan x) { return Vars{sqrt(x[0])}; };
const Function kLayer = [](VarSpan x) { return Vars{linear(x[0], x[1])}; };

}  // namespace

BOOST_AUTO_TEST_CASE(the_first_non_finite_element_is_found_by_its_position) {
  const float inf = std::numeric_limits<float>::infinity();
  const Tensor x = Tensor::from<float>({1, 2, 3, -inf, 5, inf}, {2, 3});
  BOOST_CHECK_EQUAL(first_non_finite(x).value(), "-Inf at [1, 0]");
  BOOST_CHECK_EQUAL(first_non_finite(x.permute({1, 0})).value(), "-Inf at [0, 1]");
  BOOST_CHECK_EQUAL(first_non_finite(x.slice(1, 2, 3)).value(), "Inf at [1, 0]");
  BOOST_CHECK(!first_non_finite(x.slice(0, 0, 1)).has_value());
  BOOST_CHECK(!first_non_finite(Tensor::zeros({2}, DType::i64)).has_value());
}

BOOST_AUTO_TEST_CASE(a_forward_that_makes_a_nan_is_named) {
  const Tensor x = Tensor::from<double>({4.0, -1.0}, {2});
  const auto root = [&] { sqrt(x); };
  root();  // nobody looks
  const CheckFinite on;
  tests::check_error(root, "[sqrt] its forward made a value that is not finite",
                     "result 0, f64 [2], has NaN at [1]; it was given f64 [2] all finite.");
  tests::check_error([&] { linearize(kRoot, Vars{x}); }, "[sqrt] its forward made", "has NaN at [1]");
  const Tensor bad = Tensor::from<double>({4.0, std::numeric_limits<double>::quiet_NaN()}, {2});
  tests::check_error([&] { sqrt(bad); }, "[sqrt] its forward passed on a value that is not finite",
                     "it was given f64 [2] with NaN at [1].");
}

BOOST_AUTO_TEST_CASE(linear_rules_that_make_an_inf_are_named) {
  const Vars x{Tensor::full({1, 2}, 1e30), Tensor::full({1, 2}, 1.0)};
  const Linearization record = linearize(kLayer, x);
  const Tensor huge = Tensor::full({1, 2}, 3e38);  // two of them leave f32
  const CheckFinite on;
  tests::check_error(
      [&] {
        record.push(Tangents{huge, std::nullopt});
      },
      "[linear] its pushforward made", "result 0, f32 [1, 1], has Inf at [0, 0]; it was given f32 [1, 2] all finite");
  const Tensor u = Tensor::full({1, 1}, 1e30);
  tests::check_error([&] { record.pull(Tangents{u}); }, "[linear] its pullback made", "result 1, f32 [1, 2], has Inf");
  // Nor does it hide in a sum that a kernel adds to.
  Tensor sums[] = {Tensor::zeros({1, 2}), Tensor::zeros({1, 2})};
  std::vector<CotangentSum> into{{sums[0].writable()}, {sums[1].writable()}};
  tests::check_error([&] { linearize(kLayer, x).pull_into(Tangents{u}, into); }, "[linear] its pullback made",
                     "the sum of the cotangents of its input 1, f32 [1, 2], has Inf at [0, 0].");
}

BOOST_AUTO_TEST_CASE(finite_cotangents_whose_sum_is_not_are_named) {
  const Function twice = [](VarSpan x) { return Vars{scale(x[0], 2.0), scale(x[0], 2.0)}; };
  const Tensor x = Tensor::full({1}, 1.0);
  const Tensor u = Tensor::full({1}, 1.5e38);
  Tensor sum = Tensor::zeros({1});
  std::vector<CotangentSum> into{{sum.writable()}};
  const CheckFinite on;
  tests::check_error(
      [&] {
        linearize(twice, Vars{x}).pull_into(Tangents{u, u}, into);
      },
      "[scale] its pullback made", "the sum of the cotangents of its input 0, f32 [1], has Inf at [0].");
}

BOOST_AUTO_TEST_CASE(a_recording_whose_last_pull_failed_is_spent) {
  const Vars x{Tensor::full({1, 2}, 1e30), Tensor::full({1, 2}, 1.0)};
  const Tensor u = Tensor::full({1, 1}, 1e30);
  Linearization record = linearize([](VarSpan v) { return Vars{scale(linear(v[0], v[1]), 1.0)}; }, x);
  {
    const CheckFinite on;
    BOOST_CHECK_THROW(std::move(record).pull(Tangents{u}), NonFiniteError);
  }
  BOOST_CHECK_THROW(record.push(Tangents{x[0], std::nullopt}), std::logic_error);
}

BOOST_AUTO_TEST_CASE(the_check_leaves_every_bit_as_it_is) {
  Random random(3);
  const Vars x{tests::random_tensor({5, 7}, random, 1.0, DType::f32),
               tests::random_tensor({7, 7}, random, 1.0, DType::f32)};
  const Function f = [](VarSpan v) { return Vars{add(linear(linear(v[0], v[1]), v[1]), linear(v[0], v[1]))}; };
  const Tensor u = tests::random_tensor({5, 7}, random, 1.0, DType::f32);
  const Tangents before = linearize(f, x).pull(Tangents{u});
  const CheckFinite on;
  const Tangents after = linearize(f, x).pull(Tangents{u});
  for (std::size_t i = 0; i < 2; ++i) tests::check_same_bits(before[i]->tensor(), after[i]->tensor(), "gradient");
}

BOOST_AUTO_TEST_CASE(work_without_a_name_hides_no_other) {
  start_profile();
  { const Timed nameless(""); }
  kLayer(Vars{Tensor::full({3, 4}, 1.0), Tensor::full({5, 4}, 1.0)});
  BOOST_CHECK_EQUAL(stop_profile().size(), 2);
}

BOOST_AUTO_TEST_CASE(a_profile_counts_calls_and_products_of_the_outermost_rules) {
  const Vars x{Tensor::full({3, 4}, 1.0), Tensor::full({5, 4}, 1.0)};
  kLayer(x);  // not asked for
  start_profile();
  const Linearization record = linearize(kLayer, x);
  record.pull(Tangents{Tensor::full({3, 5}, 1.0)});
  {
    const Timed timed("other work");
    kLayer(x);
  }  // the layer lies within it
  const std::vector<RuleTime> times = stop_profile();
  kLayer(x);
  const auto find = [&](std::string_view name, Rule rule) {
    for (const RuleTime& time : times) {
      if (time.name == name && time.rule == rule) return time;
    }
    return RuleTime{"", rule};
  };
  BOOST_CHECK_EQUAL(times.size(), 3u);
  BOOST_CHECK_EQUAL(find("linear", Rule::forward).calls, 1);
  BOOST_CHECK_EQUAL(find("linear", Rule::forward).flops, 2 * 3 * 4 * 5);
  BOOST_CHECK_EQUAL(find("linear", Rule::pull).flops, 2 * 2 * 3 * 4 * 5);
  BOOST_CHECK_EQUAL(find("other work", Rule::other).calls, 1);
  BOOST_CHECK_GT(find("linear", Rule::forward).seconds, 0.0);
}

BOOST_AUTO_TEST_SUITE_END()
