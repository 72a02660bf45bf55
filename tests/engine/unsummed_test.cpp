// Pulls whose sums over rows are left to the caller: summed up they are the ordinary pull, and example by example that of
// each example alone.
#include <boost/test/unit_test.hpp>
#include <functional>
#include <string>
#include <vector>

#include "engine/autodiff/transforms.hpp"
#include "engine/ops/ops.hpp"
#include "tests/support/tensors.hpp"

using namespace engine;
using tests::check_close;
using tests::random_tensor;

BOOST_AUTO_TEST_SUITE(unsummed)

namespace {

// Σ_r left_r ⊗ right_r over rows begin .. end − 1.
Tensor summed(const OuterSum& of, std::int64_t begin, std::int64_t end) {
  const Tensor left = of.left.slice(0, begin, end);
  if (!of.right.has_value()) return sum(left, {0}).tensor();
  return matmul(transpose(left), of.right->slice(0, begin, end)).tensor();
}
Tensor summed(const OuterSum& of) { return summed(of, 0, of.left.shape()[0]); }

// f of weights, one output whose first axis are the examples.
struct Case {
  Function f;
  std::vector<Tensor> weights;
  std::function<Tensor(std::size_t weight, const Tensor& sum)> arranged;  // from the sum's shape to the weight's
};

Tensor in_shape(const Case& c, std::size_t i, const Tensor& sum) {
  return c.arranged ? c.arranged(i, sum) : sum.reshape(c.weights[i].shape());
}

void check_case(const std::string& name, const Case& c, std::uint64_t seed) {
  const Linearization record = linearize(c.f, Vars(c.weights.begin(), c.weights.end()));
  Random random(seed);
  const Tensor u = random_tensor(record.primals()[0].shape(), random);
  const Tangents expected = record.pull(Tangents{u});
  const std::vector<std::vector<OuterSum>> sums = record.pull_unsummed(Tangents{u});
  BOOST_REQUIRE_EQUAL(sums.size(), c.weights.size());
  const std::int64_t B = u.shape()[0];
  for (std::size_t i = 0; i < sums.size(); ++i) {
    BOOST_REQUIRE_MESSAGE(!sums[i].empty(), name);
    Tensor total = Tensor::zeros(c.weights[i].shape(), DType::f64);
    for (const OuterSum& use : sums[i]) total = add(total, in_shape(c, i, summed(use))).tensor();
    check_close(total, expected[i]->tensor(), 1e-13, name + ", weight " + std::to_string(i));
    for (std::int64_t b = 0; b < B; ++b) {  // u of one example alone
      const Tensor one = pad(u.slice(0, b, b + 1), 0, b, B - 1 - b).tensor();
      Tensor alone = Tensor::zeros(c.weights[i].shape(), DType::f64);
      for (const OuterSum& use : sums[i]) {
        const std::int64_t rows = use.left.shape()[0] / B;
        alone = add(alone, in_shape(c, i, summed(use, b * rows, (b + 1) * rows))).tensor();
      }
      check_close(alone, record.pull(Tangents{one})[i]->tensor(), 1e-13,
                  name + ", weight " + std::to_string(i) + ", example " + std::to_string(b));
    }
  }
}

const auto says = [](const std::string& part) {
  return [part](const std::exception& error) { return std::string(error.what()).find(part) != std::string::npos; };
};

}  // namespace

BOOST_AUTO_TEST_CASE(
    a_linear_layer_of_two_tokens) {  // x = [[1, 2], [3, 4]], W = [1, 1], ȳ = (5, 7): 5 (1, 2), 7 (3, 4)
  const Tensor x = Tensor::from<double>({1, 2, 3, 4}, {2, 2});
  const Linearization record =
      linearize([&](VarSpan w) { return Vars{linear(x, w[0])}; }, Vars{Tensor::from<double>({1, 1}, {1, 2})});
  const auto sums = record.pull_unsummed(Tangents{Tensor::from<double>({5, 7}, {2, 1})});
  BOOST_REQUIRE_EQUAL(sums[0].size(), 1u);
  check_close(sums[0][0].left, Tensor::from<double>({5, 7}, {2, 1}), 0.0, "left");
  check_close(*sums[0][0].right, x, 0.0, "right");
  check_close(summed(sums[0][0]), Tensor::from<double>({26, 38}, {1, 2}), 0.0, "their sum");
}

BOOST_AUTO_TEST_CASE(summed_up_it_is_the_pull) {
  Random random(1);
  const auto normal = [&](const Shape& shape) { return random_tensor(shape, random); };
  const Tensor x = normal({3, 2, 4});  // [B, T, C]
  check_case("linear", {[&](VarSpan w) { return Vars{linear(x, w[0], w[1])}; }, {normal({5, 4}), normal({5})}, {}}, 2);
  for (const Activation g : {Activation::gelu, Activation::quick_gelu}) {
    check_case(
        "linear_activation",
        {[&, g](VarSpan w) { return Vars{linear_activation(x, w[0], w[1], g)}; }, {normal({5, 4}), normal({5})}, {}},
        3);
  }
  check_case("linear_add on a layer below",
             {[&](VarSpan w) {
                const Var h = linear_activation(x, w[0], w[1], Activation::gelu);
                return Vars{linear_add(h, w[2], w[3], x)};
              },
              {normal({6, 4}), normal({6}), normal({4, 6}), normal({4})},
              {}},
             4);
  check_case("layer_norm",
             {[&](VarSpan w) { return Vars{layer_norm(linear(x, w[2]), w[0], w[1])}; },
              {normal({5}), normal({5}), normal({5, 4})},
              {}},
             5);
  check_case("repeated in front",
             {[&](VarSpan w) {
                const Var first = broadcast_to(w[0], {3, 1, 4});
                const Var tokens = concat(Vars{first, x}, 1);
                return Vars{add(tokens, broadcast_to(w[1], tokens.shape()))};
              },
              {normal({4}), normal({3, 4})},
              {}},
             6);
}

BOOST_AUTO_TEST_CASE(weights_may_be_rearranged_before_their_use_and_used_twice) {
  Random random(2);
  const Tensor x = random_tensor({3, 2, 4}, random);
  const auto transposed = [](std::size_t i, const Tensor& sum) {
    return i == 0 ? sum.permute({1, 0}).contiguous() : sum.contiguous().reshape({2, 2, 4});
  };
  check_case("transposed, reshaped",
             {[&](VarSpan w) {
                const Var y = linear(x, reshape(w[1], {4, 4}));
                return Vars{linear(y, transpose(w[0]))};
              },
              {random_tensor({4, 3}, random), random_tensor({2, 2, 4}, random)},
              transposed},
             7);
  check_case("the same weight in two layers",
             {[&](VarSpan w) { return Vars{linear(linear(x, w[0], w[1]), w[0], w[1])}; },
              {random_tensor({4, 4}, random), random_tensor({4}, random)},
              {}},
             8);
}

BOOST_AUTO_TEST_CASE(the_last_use_gives_the_same_and_spends_the_recording) {
  Random random(3);
  const Tensor x = random_tensor({3, 4}, random);
  const Tensor u = random_tensor({3, 5}, random);
  Linearization record = linearize([&](VarSpan w) { return Vars{linear_activation(x, w[0], w[1], Activation::gelu)}; },
                                   Vars{random_tensor({5, 4}, random), random_tensor({5}, random)});
  const Tensor kept = record.pull_unsummed(Tangents{u})[0][0].left;
  tests::check_same_bits(std::move(record).pull_unsummed(Tangents{u})[0][0].left, kept, "left");
  BOOST_CHECK_THROW(record.pull(Tangents{u}), std::logic_error);
}

BOOST_AUTO_TEST_CASE(what_is_no_weight_of_rows_is_refused) {
  const Tensor w = Tensor::full({2, 2}, 1.0, DType::f64);
  const auto refuses = [&](const Function& f, const std::string& message) {
    const Linearization record = linearize(f, Vars{w});
    const Tangents u{Tensor::full(record.primals()[0].shape(), 1.0, DType::f64)};
    BOOST_CHECK_EXCEPTION(record.pull_unsummed(u), std::logic_error, says(message));
  };
  refuses([](VarSpan v) { return Vars{scale(v[0], 2.0)}; }, "input 0 is used otherwise, by scale.");
  refuses([&](VarSpan v) { return Vars{linear(v[0], w)}; }, "input 0 is used otherwise, by linear.");
  refuses([](VarSpan v) { return Vars{linear(v[0], v[0])}; }, "input 0 is used otherwise, by linear.");
  refuses(
      [](VarSpan v) {
        return Vars{broadcast_to(reshape(v[0], {2, 2, 1}), {2, 2, 3})};
      },
      "input 0 is used otherwise, by broadcast_to.");
  refuses([&](VarSpan v) { return Vars{linear(linear(w, v[0]), transpose(v[0]))}; },
          "input 0 is used otherwise, by linear.");  // W and its transpose
  refuses([](VarSpan v) { return Vars{transpose(v[0])}; }, "one is an output.");
  const Function inner = [&](VarSpan v) {
    const Linearization record = linearize([&](VarSpan y) { return Vars{linear(w, y[0])}; }, v);
    BOOST_CHECK_EXCEPTION(record.pull_unsummed(Tangents{w}), std::logic_error, says("cannot add followed values"));
    return Vars{v[0]};
  };
  linearize(inner, Vars{w});
}

BOOST_AUTO_TEST_SUITE_END()
