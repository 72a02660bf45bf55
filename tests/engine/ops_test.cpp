// Every op through check_rules on several shapes, extents of 1 and odd ones included, and one example each that can be
// checked on paper.
#include "engine/ops/ops.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>

#include "tests/support/check_rules.hpp"
#include "tests/support/references.hpp"
#include "tests/support/tensors.hpp"

using namespace engine;
using namespace tests;

BOOST_AUTO_TEST_SUITE(ops)

namespace {

Function unary(Var (*op)(const Var&)) {
  return [op](VarSpan x) { return Vars{op(x[0])}; };
}
Function binary(Var (*op)(const Var&, const Var&)) {
  return [op](VarSpan x) { return Vars{op(x[0], x[1])}; };
}

const std::vector<Shape> kShapes{{}, {1}, {5}, {3, 4}, {1, 7}, {2, 1, 3}, {2, 3, 4}, {1, 1, 1, 1}};

}  // namespace

BOOST_AUTO_TEST_CASE(arithmetic_obeys_its_rules) {
  Random random(1);
  for (const Shape& shape : kShapes) {
    const std::vector<Tensor> pair{random_tensor(shape, random), random_tensor(shape, random)};
    check_rules("add", binary(add), pair, {.reference = elementwise(+[](double a, double b) { return a + b; })});
    check_rules("sub", binary(sub), pair, {.reference = elementwise(+[](double a, double b) { return a - b; })});
    check_rules("mul", binary(mul), pair, {.reference = elementwise(+[](double a, double b) { return a * b; })});
    check_rules("dot", binary(dot), pair);
    check_rules("scale", [](VarSpan x) { return Vars{scale(x[0], -2.5)}; }, {pair[0]},
                {.reference = elementwise(+[](double a) { return -2.5 * a; })});
    check_rules("shift", [](VarSpan x) { return Vars{shift(x[0], 0.5)}; }, {pair[0]},
                {.reference = elementwise(+[](double a) { return a + 0.5; })});
  }
  check_rules("add of one value to itself", [](VarSpan x) { return Vars{add(x[0], x[0])}; },
              {random_tensor({3, 2}, random)});
}

BOOST_AUTO_TEST_CASE(functions_obey_their_rules) {
  Random random(2);
  for (const Shape& shape : kShapes) {
    const std::vector<Tensor> any{random_tensor(shape, random)};
    const std::vector<Tensor> positive{uniform_tensor(shape, random, 0.5, 2.0)};
    check_rules("exp", unary(exp), any, {.reference = elementwise(+[](double x) { return std::exp(x); })});
    check_rules("log", unary(log), positive, {.reference = elementwise(+[](double x) { return std::log(x); })});
    check_rules("sqrt", unary(sqrt), positive, {.reference = elementwise(+[](double x) { return std::sqrt(x); })});
    check_rules("reciprocal", unary(reciprocal), positive,
                {.reference = elementwise(+[](double x) { return 1.0 / x; })});
    check_rules("tanh", unary(tanh), any, {.reference = elementwise(+[](double x) { return std::tanh(x); })});
    check_rules("sigmoid", unary(sigmoid), any,
                {.reference = elementwise(+[](double x) { return 1.0 / (1.0 + std::exp(-x)); })});
    check_rules("normal_cdf", unary(normal_cdf), any,
                {.reference = elementwise(+[](double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); })});
    check_rules("gelu", unary(gelu), any, {.reference = elementwise(&gelu_of)});
    check_rules("quick_gelu", unary(quick_gelu), any, {.reference = elementwise(&quick_gelu_of)});
  }
}

BOOST_AUTO_TEST_CASE(shape_ops_obey_their_rules) {
  Random random(3);
  const Tensor x = random_tensor({2, 3, 4}, random);
  check_rules("reshape", [](VarSpan v) { return Vars{reshape(v[0], {4, 6})}; }, {x});
  check_rules("permute", [](VarSpan v) { return Vars{permute(v[0], {2, 0, 1})}; }, {x});
  check_rules("permute, negative axes", [](VarSpan v) { return Vars{permute(v[0], {-1, 0, 1})}; }, {x});
  check_rules("transpose", [](VarSpan v) { return Vars{transpose(v[0])}; }, {x});
  check_rules("slice", [](VarSpan v) { return Vars{slice(v[0], 1, 1, 3)}; }, {x});
  check_rules("slice of one", [](VarSpan v) { return Vars{slice(v[0], -1, 3, 4)}; }, {x});
  check_rules("pad", [](VarSpan v) { return Vars{pad(v[0], -1, 2, 1)}; }, {x});
  check_rules("broadcast_to",
              [](VarSpan v) {
                return Vars{broadcast_to(v[0], {5, 2, 3, 4})};
              },
              {random_tensor({2, 1, 4}, random)});
  check_rules("broadcast_to of a scalar",
              [](VarSpan v) {
                return Vars{broadcast_to(v[0], {2, 3})};
              },
              {random_tensor({}, random)});
  check_rules("cast", cast_there_and_back, {x}, cast_options());
  check_rules("patchify", [](VarSpan v) { return Vars{patchify(v[0], 2)}; }, {random_tensor({2, 3, 4, 6}, random)});
  const Tensor rows = Tensor::from<std::int64_t>({4, 0, 0, 2, 1, 4}, {2, 3});
  check_rules("take_rows", [&](VarSpan v) { return Vars{take_rows(v[0], rows)}; }, {random_tensor({5, 4}, random)});
  check_rules("put_rows", [&](VarSpan v) { return Vars{put_rows(v[0], rows, 5)}; }, {x.reshape({2, 3, 4})});
  for (int axis = 0; axis < 3; ++axis) {
    const std::vector<Tensor> parts{x, random_tensor(x.shape().with(axis, 1), random),
                                    random_tensor(x.shape().with(axis, 5), random)};
    check_rules(
        "concat", [axis](VarSpan v) { return Vars{concat(v, axis)}; }, parts);
  }
}

BOOST_AUTO_TEST_CASE(a_cast_rounds_to_what_the_type_can_hold_and_so_does_its_pull) {
  const double beyond = 16777217.0;  // 2^24 + 1, the first whole number f32 does not hold
  const Linearization record =
      linearize([](VarSpan x) { return Vars{cast(x[0], DType::f32)}; }, Vars{Tensor::full({1}, beyond, DType::f64)});
  check_same_bits(record.primals()[0].tensor(), Tensor::full({1}, 16777216.0), "value");
  const Tensor x_dot = Tensor::full({1}, beyond, DType::f64);
  check_same_bits(record.push(Tangents{x_dot})[0]->tensor(), Tensor::full({1}, 16777216.0), "push");
  const Tensor third = Tensor::full({1}, 1.0F / 3.0F);
  check_same_bits(record.pull(Tangents{third})[0]->tensor(), third.to(DType::f64), "pull");
}

BOOST_AUTO_TEST_CASE(patchify_lays_out_channels_slowest) {
  std::vector<double> pixels;
  for (int i = 0; i < 2 * 2 * 4; ++i) pixels.push_back(i);  // two channels of 2 x 4
  const Tensor patches = patchify(Tensor::from<double>(pixels, {1, 2, 2, 4}), 2).tensor();
  check_close(patches, Tensor::from<double>({0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15}, {1, 2, 8}), 0.0,
              "patchify");
}

BOOST_AUTO_TEST_CASE(rows_are_taken_by_number_and_added_up_where_they_belong) {
  const Tensor table = Tensor::from<double>({1, 2, 3, 4, 5, 6}, {3, 2});
  const Tensor rows = Tensor::from<std::int64_t>({2, 0, 2}, {3});
  check_close(take_rows(table, rows).tensor(), Tensor::from<double>({5, 6, 1, 2, 5, 6}, {3, 2}), 0.0, "take_rows");
  check_close(put_rows(table, rows, 4).tensor(), Tensor::from<double>({3, 4, 0, 0, 6, 8, 0, 0}, {4, 2}), 0.0,
              "put_rows");
}

BOOST_AUTO_TEST_CASE(reductions_obey_their_rules) {
  Random random(4);
  const Tensor x = random_tensor({2, 3, 4}, random);
  for (const Axes& axes : std::vector<Axes>{{0}, {1}, {2}, {-1}, {0, 1}, {0, 2}, {1, 2}, {0, 1, 2}, {}}) {
    check_rules("sum", [&](VarSpan v) { return Vars{sum(v[0], axes)}; }, {x});
    check_rules("mean", [&](VarSpan v) { return Vars{mean(v[0], axes)}; }, {x});
  }
  check_close(sum(Tensor::from<double>({1, 2, 3, 4, 5, 6}, {2, 3}), {0}).tensor(), Tensor::from<double>({5, 7, 9}, {3}),
              0.0, "sum over rows");
  check_close(sum(Tensor::from<double>({1, 2, 3, 4, 5, 6}, {2, 3}), {1}).tensor(), Tensor::from<double>({6, 15}, {2}),
              0.0, "sum over columns");
}

BOOST_AUTO_TEST_CASE(matmul_obeys_its_rules) {
  Random random(5);
  for (const auto& [M, K, N] :
       std::vector<std::array<std::int64_t, 3>>{{1, 1, 1}, {1, 5, 1}, {3, 1, 4}, {2, 3, 4}, {7, 5, 1}, {17, 9, 13}}) {
    check_rules("matmul", binary(matmul), {random_tensor({M, K}, random), random_tensor({K, N}, random)},
                {.reference = naive_matmul});
  }
  check_rules("batched matmul", binary(matmul),
              {random_tensor({2, 3, 4, 5}, random), random_tensor({2, 3, 5, 2}, random)});
  check_rules("matmul with a batch of one", binary(matmul),
              {random_tensor({1, 3, 1}, random), random_tensor({1, 1, 2}, random)});
}

BOOST_AUTO_TEST_CASE(matmul_takes_every_view) {
  Random random(6);
  const Tensor a = random_tensor({3, 4}, random);
  const Tensor b = random_tensor({4, 5}, random);
  const Tensor product = matmul(a, b).tensor();
  const Tensor a_column_major = a.permute({1, 0}).contiguous().permute({1, 0});
  const Tensor b_column_major = b.permute({1, 0}).contiguous().permute({1, 0});
  const double tolerance = 1e-14;
  check_close(matmul(a_column_major, b).tensor(), product, tolerance, "column-major a");
  check_close(matmul(a, b_column_major).tensor(), product, tolerance, "column-major b");
  check_close(matmul(a_column_major, b_column_major).tensor(), product, tolerance, "both");
  const Tensor repeated = random_tensor({1, 4}, random).broadcast_to({3, 4});
  check_close(matmul(repeated, b).tensor(), matmul(repeated.contiguous(), b).tensor(), tolerance, "repeated rows");
  const Tensor batch = random_tensor({4, 5}, random).reshape({1, 4, 5}).broadcast_to({2, 4, 5});
  const Tensor left = random_tensor({2, 3, 4}, random);
  check_close(matmul(left, batch).tensor(), matmul(left, batch.contiguous()).tensor(), tolerance, "repeated matrices");
}

BOOST_AUTO_TEST_CASE(linear_layers_obey_their_rules) {
  Random random(7);
  for (const Shape& shape : std::vector<Shape>{{5}, {1, 5}, {3, 5}, {2, 3, 5}, {2, 3, 1}}) {
    const std::vector<Tensor> inputs{random_tensor(shape, random), random_tensor({4, shape[-1]}, random, 0.5),
                                     random_tensor({4}, random)};
    check_rules(
        "linear without bias", [](VarSpan v) { return Vars{linear(v[0], v[1])}; }, {inputs[0], inputs[1]},
        {.reference = [](const std::vector<Tensor>& x) { return naive_linear(x, [](double z) { return z; }); }});
    check_rules(
        "linear", [](VarSpan v) { return Vars{linear(v[0], v[1], v[2])}; }, inputs,
        {.reference = [](const std::vector<Tensor>& x) { return naive_linear(x, [](double z) { return z; }); }});
    check_rules("linear with gelu",
                [](VarSpan v) { return Vars{linear_activation(v[0], v[1], v[2], Activation::gelu)}; }, inputs,
                {.reference = [](const std::vector<Tensor>& x) { return naive_linear(x, gelu_of); }});
    const std::vector<Tensor> four{inputs[0], inputs[1], inputs[2], random_tensor(shape.with(-1, 4), random)};
    check_rules("linear_add", [](VarSpan v) { return Vars{linear_add(v[0], v[1], v[2], v[3])}; }, four,
                {.reference = naive_linear_add});
    check_rules("linear with quick_gelu",
                [](VarSpan v) { return Vars{linear_activation(v[0], v[1], v[2], Activation::quick_gelu)}; }, inputs,
                {.reference = [](const std::vector<Tensor>& x) { return naive_linear(x, quick_gelu_of); }});
  }
}

// The pull of the branch finds a cotangent of x already there and adds to it in place.
BOOST_AUTO_TEST_CASE(a_residual_around_a_layer_obeys_its_rules) {
  Random random(8);
  const std::vector<Tensor> inputs{random_tensor({3, 5}, random), random_tensor({5}, random),
                                   random_tensor({5}, random), random_tensor({5, 5}, random),
                                   random_tensor({5}, random)};
  check_rules("residual around layer_norm", [](VarSpan v) { return Vars{add(v[0], layer_norm(v[0], v[1], v[2]))}; },
              {inputs[0], inputs[1], inputs[2]});
  check_rules("residual around linear, twice",
              [](VarSpan v) {
                const Var y = scale(v[0], 2.0);
                return Vars{linear_add(linear_add(y, v[1], v[2], y), v[1], v[2], y)};
              },
              {inputs[0], inputs[3], inputs[4]});
}

BOOST_AUTO_TEST_CASE(row_ops_obey_their_rules) {
  Random random(8);
  for (const Shape& shape : std::vector<Shape>{{6}, {1, 6}, {3, 5}, {2, 3, 7}, {2, 1}}) {
    check_rules("softmax", unary(softmax), {random_tensor(shape, random)}, {.reference = rowwise(softmax_row)});
    check_rules("l2_normalize", unary(l2_normalize), {shift(random_tensor(shape, random, 0.3), 1.0).tensor()},
                {.reference = rowwise(unit_row)});
    if (shape[-1] == 1) continue;  // the variance of one value is 0: the derivative is that of eps alone
    const Tensor gamma = random_tensor({shape[-1]}, random);
    const Tensor beta = random_tensor({shape[-1]}, random);
    check_rules("layer_norm", [](VarSpan v) { return Vars{layer_norm(v[0], v[1], v[2])}; },
                {random_tensor(shape, random), gamma, beta},
                {.reference = [](const std::vector<Tensor>& x) { return naive_layer_norm(x, 1e-5); },
                 .difference_tolerance = 2e-7,
                 .f32_tolerance = 5e-5});  // rows of near-equal values amplify
  }
  const Tensor huge = Tensor::from<double>({1000.0, 1000.0, -1000.0}, {1, 3});
  check_close(softmax(huge).tensor(), Tensor::from<double>({0.5, 0.5, 0.0}, {1, 3}), 1e-15, "softmax of large values");
}

BOOST_AUTO_TEST_CASE(attention_obeys_its_rules) {
  Random random(9);
  // The last one is worked through in groups of two images, two, and one.
  for (const auto& [B, T, heads, d] : std::vector<std::array<std::int64_t, 4>>{
           {1, 1, 1, 1}, {2, 1, 2, 3}, {1, 4, 1, 3}, {2, 5, 2, 3}, {3, 2, 3, 1}, {5, 65, 3, 2}}) {
    check_rules("attention", [heads = heads](VarSpan v) { return Vars{attention(v[0], heads)}; },
                {random_tensor({B, T, 3 * heads * d}, random)},
                {.reference = [heads = heads](const std::vector<Tensor>& x) { return naive_attention(x[0], heads); }});
    check_rules(
        "causal attention", [heads = heads](VarSpan v) { return Vars{attention(v[0], heads, Mask::causal)}; },
        {random_tensor({B, T, 3 * heads * d}, random)},
        {.reference = [heads = heads](const std::vector<Tensor>& x) { return naive_attention(x[0], heads, true); }});
  }
}

BOOST_AUTO_TEST_CASE(causal_attention_hides_the_future_to_the_bit) {
  Random random(12);
  const Tensor now = random_tensor({1, 3, 12}, random, 1.0, DType::f32);
  const Tensor later = random_tensor({1, 4, 12}, random, 1e4, DType::f32);
  const Tensor seen = attention(now, 2, Mask::causal).tensor();
  const Tensor both = attention(concat(Vars{now, later}, 1), 2, Mask::causal).tensor();
  check_close(both.slice(1, 0, 3), seen, 1e-6, "the first tokens");
  // The first token sees itself alone: its output is its own v.
  tests::check_same_bits(both.slice(1, 0, 1).contiguous(), now.slice(1, 0, 1).slice(2, 8, 12).contiguous(), "token 0");
}

BOOST_AUTO_TEST_CASE(cross_entropy_obeys_its_rules) {
  Random random(10);
  const Tensor labels = Tensor::from<std::int64_t>({2, 0, 3}, {3});
  check_rules("cross_entropy", [&](VarSpan v) { return Vars{cross_entropy(v[0], labels)}; },
              {random_tensor({3, 4}, random)});
  const Tensor targets = softmax(random_tensor({3, 4}, random)).tensor();
  check_rules("soft_cross_entropy", [&](VarSpan v) { return Vars{soft_cross_entropy(v[0], targets.to(v[0].dtype()))}; },
              {random_tensor({3, 4}, random)});
  const double loss =
      cross_entropy(Tensor::from<double>({0, 0, 0, 0}, {1, 4}), Tensor::from<std::int64_t>({1}, {1})).tensor().item();
  BOOST_CHECK_CLOSE(loss, std::log(4.0), 1e-12);
}

BOOST_AUTO_TEST_CASE(a_sum_that_is_reshaped_pulls_back_what_was_repeated) {
  Random random(11);
  check_rules("sum then reshape",
              [](VarSpan v) {
                return Vars{sum(reshape(v[0], {2, 3, 4}), {2})};
              },
              {random_tensor({24}, random)});
  check_rules("broadcast then reshape",
              [](VarSpan v) {
                return Vars{reshape(broadcast_to(v[0], {2, 3, 4}), {6, 4})};
              },
              {random_tensor({2, 1, 4}, random)});
}

BOOST_AUTO_TEST_CASE(layers_that_see_no_rows_pull_zeros) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    const Function layer = [](VarSpan x) { return Vars{linear(x[0], x[1], x[2])}; };
    const Linearization record = linearize(
        layer, Vars{Tensor::zeros({0, 7}, dtype), Tensor::full({5, 7}, 1.0, dtype), Tensor::zeros({5}, dtype)});
    const Tangents bars = record.pull(Tangents{Tensor::zeros({0, 5}, dtype)});
    check_close(bars[1]->tensor(), Tensor::zeros({5, 7}, dtype), 0.0, "pull of no rows");
    check_close(matmul(Tensor::zeros({2, 3, 0}, dtype), Tensor::zeros({2, 0, 4}, dtype)).tensor(),
                Tensor::zeros({2, 3, 4}, dtype), 0.0, "no terms");
  }
}

BOOST_AUTO_TEST_CASE(extreme_values_keep_their_meaning) {
  const double infinity = std::numeric_limits<double>::infinity();
  const Tensor masked = Tensor::from<double>({0.0, -infinity, 0.0}, {1, 3});
  BOOST_CHECK_CLOSE(cross_entropy(masked, Tensor::from<std::int64_t>({2}, {1})).tensor().item(), std::log(2.0), 1e-12);
  const Tensor large = Tensor::from<float>({1e5F, 1e5F - 1.0F}, {1, 2});
  BOOST_CHECK_CLOSE(cross_entropy(large, Tensor::from<std::int64_t>({0}, {1})).tensor().item(),
                    std::log(1.0 + std::exp(-1.0)), 1e-4);
  for (const float size : {1e-23F, 1e20F}) {
    check_close(l2_normalize(Tensor::from<float>({3 * size, 4 * size}, {1, 2})).tensor(),
                Tensor::from<float>({0.6F, 0.8F}, {1, 2}), 1e-6, "l2_normalize");
  }
}

BOOST_AUTO_TEST_SUITE_END()
