// The transforms themselves: nesting, escape, counting, memory.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <functional>
#include <string>
#include <thread>

#include "engine/autodiff/transforms.hpp"
#include "engine/ops/ops.hpp"
#include "engine/parallel/memory.hpp"
#include "engine/tensor/errors.hpp"
#include "engine/tensor/matmul_flops.hpp"
#include "tests/support/tensors.hpp"

using namespace engine;
using tests::check_close;
using tests::random_tensor;

BOOST_AUTO_TEST_SUITE(autodiff)

namespace {

Tensor scalar(double value) { return Tensor::full({}, value, DType::f64); }

const Function kCube = [](VarSpan x) { return Vars{mul(x[0], mul(x[0], x[0]))}; };

}  // namespace

BOOST_AUTO_TEST_CASE(derivatives_of_a_cube_at_two) {  // 8, 12, 12, 6
  const Vars x{scalar(2.0)};
  BOOST_CHECK_EQUAL(kCube(x)[0].tensor().item(), 8.0);
  BOOST_CHECK_EQUAL(grad(kCube)(x)[0].tensor().item(), 12.0);
  BOOST_CHECK_EQUAL(grad(grad(kCube))(x)[0].tensor().item(), 12.0);
  BOOST_CHECK_EQUAL(grad(grad(grad(kCube)))(x)[0].tensor().item(), 6.0);
}

BOOST_AUTO_TEST_CASE(nested_transforms_do_not_confuse_their_perturbations) {  // d/dx [x · d/dy (x + y) at 1] = 1
  const Function outer = [](VarSpan x) {
    const Function inner = [&](VarSpan y) { return Vars{add(x[0], y[0])}; };
    const std::vector<Tangents> one{Tangents{scalar(1.0)}};
    const Tangent slope = jvp(inner, Vars{scalar(1.0)}, one)[0].tangents[0];
    return Vars{mul(x[0], *slope)};
  };
  BOOST_CHECK_EQUAL(grad(outer)(Vars{scalar(5.0)})[0].tensor().item(), 1.0);
}

BOOST_AUTO_TEST_CASE(an_input_that_is_not_used_has_no_tangent) {
  const Function first = [](VarSpan x) { return Vars{scale(x[0], 3.0), x[1]}; };
  const Linearization record = linearize(first, Vars{scalar(1.0), scalar(2.0), scalar(3.0)});
  const Tangents y_dot = record.push(Tangents{std::nullopt, scalar(1.0), scalar(1.0)});
  BOOST_CHECK(!y_dot[0].has_value());
  BOOST_CHECK_EQUAL(y_dot[1]->tensor().item(), 1.0);
  const Tangents x_bar = record.pull(Tangents{scalar(1.0), std::nullopt});
  BOOST_CHECK_EQUAL(x_bar[0]->tensor().item(), 3.0);
  BOOST_CHECK(!x_bar[1].has_value());
  BOOST_CHECK(!x_bar[2].has_value());
}

BOOST_AUTO_TEST_CASE(tangents_can_be_made_when_the_push_comes_to_them) {
  // x0 is used twice, x1 once, x2 never, and x3 is an output as it is.
  const Function f = [](VarSpan x) { return Vars{mul(exp(x[0]), add(x[0], x[1])), x[3]}; };
  const Linearization record = linearize(f, Vars{scalar(0.5), scalar(2.0), scalar(3.0), scalar(4.0)});
  const Tangents x_dot{scalar(1.5), std::nullopt, scalar(1.0), scalar(7.0)};
  std::vector<std::size_t> asked;
  const Tangents lazy = record.push([&](std::size_t input) {
    asked.push_back(input);
    return x_dot[input];
  });
  std::ranges::sort(asked);
  BOOST_CHECK(asked == (std::vector<std::size_t>{0, 1, 3}));
  const Tangents at_once = record.push(x_dot);
  for (std::size_t i = 0; i < 2; ++i) BOOST_CHECK_EQUAL(lazy[i]->tensor().item(), at_once[i]->tensor().item());
  BOOST_CHECK_THROW(record.push([](std::size_t) { return Tangent(Tensor::zeros({2}, DType::f64)); }), ShapeError);
}

BOOST_AUTO_TEST_CASE(a_constant_output_has_no_tangent) {
  const Function constant = [](VarSpan) { return Vars{scalar(4.0)}; };
  const Linearization record = linearize(constant, Vars{scalar(1.0)});
  BOOST_CHECK_EQUAL(record.primals()[0].tensor().item(), 4.0);
  BOOST_CHECK(!record.push(Tangents{scalar(1.0)})[0].has_value());
  BOOST_CHECK(!record.pull(Tangents{scalar(1.0)})[0].has_value());
}

BOOST_AUTO_TEST_CASE(a_traced_value_cannot_escape_its_transform) {
  Vars leaked;
  const Function leak = [&](VarSpan x) {
    leaked.push_back(scale(x[0], 2.0));
    return Vars{x[0]};
  };
  linearize(leak, Vars{scalar(1.0)});
  BOOST_CHECK_EXCEPTION(add(leaked[0], scalar(1.0)), EscapeError, [](const EscapeError& error) {
    return std::string(error.what()).find("[add] a traced value escaped its transform: f64 []") != std::string::npos;
  });
  // Another transform at the same level is not mistaken for the one that has ended.
  const Function use = [&](VarSpan x) { return Vars{add(x[0], leaked[0])}; };
  BOOST_CHECK_THROW(linearize(use, Vars{scalar(1.0)}), EscapeError);
}

// As what is not followed has no tangent, such a value would lose its own without a word.
BOOST_AUTO_TEST_CASE(a_traced_value_cannot_escape_into_another_transform) {
  Vars cache;
  const Function cached = [&](VarSpan x) {
    if (cache.empty()) cache.push_back(mul(x[0], x[0]));
    return Vars{cache[0]};
  };
  const Tangents one{scalar(1.0)};
  BOOST_CHECK_EQUAL(grad(cached)(Vars{scalar(2.0)})[0].tensor().item(), 4.0);
  const auto escapes = [&](const std::string& op, const std::function<void()>& misuse) {
    BOOST_CHECK_EXCEPTION(misuse(), EscapeError, [&](const EscapeError& error) {
      return std::string(error.what()).starts_with("[" + op + "] a traced value escaped its transform: f64 []");
    });
  };
  escapes("linearize", [&] { grad(cached)(Vars{scalar(2.0)}); });
  const std::vector<Tangents> directions{one};
  escapes("jvp", [&] { jvp(cached, Vars{scalar(2.0)}, directions); });
  escapes("linearize", [&] { linearize(kCube, cache); });
  escapes("jvp", [&] { jvp(kCube, cache, directions); });
  const std::vector<Tangents> leaked{Tangents{cache[0]}};
  escapes("jvp", [&] { jvp(kCube, Vars{scalar(2.0)}, leaked); });
  const Linearization record = linearize(kCube, Vars{scalar(2.0)});
  escapes("push", [&] { record.push(leaked[0]); });
  escapes("pull", [&] { record.pull(leaked[0]); });
  escapes("broadcast_to", [&] { broadcast_to(cache[0], {}); });
  escapes("cast", [&] { cast(cache[0], DType::f64); });
}

BOOST_AUTO_TEST_CASE(a_record_that_was_moved_from_is_refused) {
  Linearization record = linearize(kCube, Vars{scalar(2.0)});
  const Linearization taken = std::move(record);
  const Tangents one{scalar(1.0)};
  BOOST_CHECK_THROW(record.push(one), std::logic_error);  // NOLINT: moved from on purpose
  BOOST_CHECK_EQUAL(taken.push(one)[0]->tensor().item(), 12.0);
}

BOOST_AUTO_TEST_CASE(an_input_that_was_not_given_is_refused) {
  const Function sum = [](VarSpan x) { return Vars{add(x[0], x[1])}; };
  const auto names_both = [](const std::exception& error) {
    return std::string(error.what()).find("has 1 elements; number 1 was asked for") != std::string::npos;
  };
  const Vars one{scalar(1.0)};
  BOOST_CHECK_EXCEPTION(sum(one), std::out_of_range, names_both);
  BOOST_CHECK_EXCEPTION(linearize(sum, one), std::out_of_range, names_both);
  BOOST_CHECK_EXCEPTION(grad(sum)(one), std::out_of_range, names_both);
}

BOOST_AUTO_TEST_CASE(a_throwing_model_leaves_no_level_open) {
  const Function fails = [](VarSpan x) -> Vars { return {add(x[0], Tensor::zeros({3}, DType::f64))}; };
  BOOST_CHECK_THROW(linearize(fails, Vars{scalar(1.0)}), ShapeError);
  BOOST_CHECK_EQUAL(grad(kCube)(Vars{scalar(2.0)})[0].tensor().item(), 12.0);
}

BOOST_AUTO_TEST_CASE(a_last_pull_frees_the_residuals) {
  Random random(1);
  const Function deep = [](VarSpan x) {
    Var y = x[0];
    for (int i = 0; i < 20; ++i) y = tanh(y);
    return Vars{sum(y, {0})};
  };
  Linearization record = linearize(deep, Vars{random_tensor({1000}, random)});
  BOOST_CHECK_GE(record.residual_bytes(), 20 * 8000);
  const Tensor kept = record.pull(Tangents{scalar(1.0)})[0]->tensor();
  check_close(std::move(record).pull(Tangents{scalar(1.0)})[0]->tensor(), kept, 0.0, "the last pull");
  BOOST_CHECK_EQUAL(record.residual_bytes(), 0);  // NOLINT: moved from on purpose
  BOOST_CHECK_THROW(record.push(Tangents{random_tensor({1000}, random)}), std::logic_error);  // NOLINT
}

BOOST_AUTO_TEST_CASE(a_recording_reads_like_equations) {
  const Function f = [](VarSpan x) { return Vars{mul(scale(x[0], 2.0), Tensor::full({3}, 1.0, DType::f64))}; };
  const std::string text = linearize(f, Vars{Tensor::zeros({3}, DType::f64)}).to_string();
  BOOST_CHECK_EQUAL(text, "v1[3] = scale v0[3]\nv2[3] = mul v1[3] const\n");
}

BOOST_AUTO_TEST_CASE(push_and_pull_cost_two_products_each_for_one_of_the_primal) {
  Random random(2);
  const Function layer = [](VarSpan x) { return Vars{linear(x[0], x[1])}; };
  const Vars x{random_tensor({6, 4}, random), random_tensor({5, 4}, random)};
  const auto flops_of = [](const auto& work) {
    const std::int64_t before = matmul_flops();
    work();
    return matmul_flops() - before;
  };
  const std::int64_t unit = 2 * 6 * 4 * 5;
  BOOST_CHECK_EQUAL(flops_of([&] { layer(x); }), unit);
  const Linearization record = linearize(layer, x);
  const Tangents v{random_tensor({6, 4}, random), random_tensor({5, 4}, random)};
  BOOST_CHECK_EQUAL(flops_of([&] { record.push(v); }), 2 * unit);
  BOOST_CHECK_EQUAL(flops_of([&] { record.pull(Tangents{random_tensor({6, 5}, random)}); }), 2 * unit);
  const std::vector<Tangents> eight(8, v);
  BOOST_CHECK_EQUAL(flops_of([&] { jvp(layer, x, eight); }), 17 * unit);
}

BOOST_AUTO_TEST_CASE(sums_hold_what_pull_returns_when_one_input_is_used_twice) {
  Random random(11);
  const auto check = [&](const std::string& what, const Shape& x_shape, const Shape& w_shape, const Function& f) {
    const Vars x{random_tensor(x_shape, random), random_tensor(w_shape, random)};
    const Linearization record = linearize(f, x);
    const Tensor u = random_tensor(record.primals()[0].shape(), random);
    const Tangents expected = record.pull(Tangents{u});
    std::vector<Tensor> sums;
    std::vector<CotangentSum> into;
    for (const Var& value : x)
      into.push_back({sums.emplace_back(Tensor::full(value.shape(), 9.0, DType::f64)).writable()});
    for (int i = 0; i < 2; ++i) linearize(f, x).pull_into(Tangents{u}, into);  // the second time it adds
    for (std::size_t i = 0; i < x.size(); ++i) {
      const Tensor once = expected[i].has_value() ? expected[i]->tensor() : Tensor::zeros(x[i].shape(), DType::f64);
      check_close(into[i].empty ? Tensor::zeros(x[i].shape(), DType::f64) : sums[i], add(once, once).tensor(), 1e-13,
                  what + ", input " + std::to_string(i));
    }
  };
  check("layer_norm(x, x, w)", {5}, {5}, [](VarSpan v) { return Vars{layer_norm(v[0], v[0], v[1])}; });
  check("layer_norm(x, w, x)", {5}, {5}, [](VarSpan v) { return Vars{layer_norm(v[0], v[1], v[0])}; });
  check("layer_norm(x, w, w)", {3, 5}, {5}, [](VarSpan v) { return Vars{layer_norm(v[0], v[1], v[1])}; });
  check("layer_norm(x, x, x)", {5}, {5}, [](VarSpan v) { return Vars{layer_norm(v[0], v[0], v[0])}; });
  check("linear(w, w)", {1}, {4, 4}, [](VarSpan v) { return Vars{linear(v[1], v[1])}; });
  check("linear_add(x, w, b, x)", {3, 4}, {4, 4},
        [](VarSpan v) { return Vars{linear_add(v[0], v[1], Tensor::full({4}, 1.0, DType::f64), v[0])}; });
  check("linear_add(x, x, b, x)", {4, 4}, {1},
        [](VarSpan v) { return Vars{linear_add(v[0], v[0], Tensor::full({4}, 1.0, DType::f64), v[0])}; });
}

BOOST_AUTO_TEST_CASE(sums_that_do_not_fit_are_refused) {
  const Function f = [](VarSpan v) { return Vars{linear(v[0], v[1])}; };
  const Vars x{Tensor::full({2, 3}, 1.0), Tensor::full({4, 3}, 1.0)};
  const Tensor u = Tensor::full({2, 4}, 1.0);
  Tensor right = Tensor::zeros({2, 3});
  const auto message = [&](MutableTensor second) {
    std::vector<CotangentSum> into{{right.writable()}, {second}};
    try {
      linearize(f, x).pull_into(Tangents{u}, into);
    } catch (const ShapeError& error) {
      return std::string(error.what());
    }
    return std::string("nothing");
  };
  Tensor flat = Tensor::zeros({12});
  Tensor f64 = Tensor::zeros({4, 3}, DType::f64);
  Tensor transposed = Tensor::zeros({3, 4});
  const std::string needs = "[pull_into] needs for input 1 a dense sum f32 [4, 3]; got ";
  BOOST_CHECK_EQUAL(message(flat.writable()), needs + "f32 [12].");
  BOOST_CHECK_EQUAL(message(f64.writable()), needs + "f64 [4, 3].");
  BOOST_CHECK_EQUAL(message(transposed.writable().permute({1, 0})), needs + "f32 [4, 3], not dense.");
}

BOOST_AUTO_TEST_SUITE_END()
