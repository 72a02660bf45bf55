// What the engine says to a mistake, word by word: the op first, then what it needs and what it got.
#include <boost/test/unit_test.hpp>
#include <set>
#include <typeinfo>

#include "engine/autodiff/transforms.hpp"
#include "engine/backend/kernels.hpp"
#include "engine/ops/ops.hpp"
#include "engine/tensor/errors.hpp"
#include "tests/support/declared_ops.hpp"

using namespace engine;

BOOST_AUTO_TEST_SUITE(messages)

namespace {

template <class Error>
void check_message(const std::function<void()>& mistake, const std::string& message) {
  BOOST_CHECK_EXCEPTION(mistake(), Error, [&](const Error& error) {
    BOOST_CHECK_EQUAL(error.what(), message);
    return typeid(error) == typeid(Error);
  });
}

struct OpCase {
  std::string name;
  Shape shape;                       // one that the op takes
  std::function<Var(const Var&)> f;  // the op, x in every place that may be followed
  bool moves = false;                // it only moves elements, so it takes any type
};

const Tensor kLabels = Tensor::from<std::int64_t>({0, 1}, {2});

std::vector<OpCase> every_op() {
  return {
      {"add", {2, 3}, [](const Var& x) { return add(x, x); }},
      {"sub", {2, 3}, [](const Var& x) { return sub(x, x); }},
      {"mul", {2, 3}, [](const Var& x) { return mul(x, x); }},
      {"scale", {2, 3}, [](const Var& x) { return scale(x, 2.0); }},
      {"shift", {2, 3}, [](const Var& x) { return shift(x, 2.0); }},
      {"dot", {2, 3}, [](const Var& x) { return dot(x, x); }},
      {"exp", {2, 3}, engine::exp},
      {"log", {2, 3}, engine::log},
      {"sqrt", {2, 3}, engine::sqrt},
      {"reciprocal", {2, 3}, engine::reciprocal},
      {"tanh", {2, 3}, engine::tanh},
      {"sigmoid", {2, 3}, engine::sigmoid},
      {"normal_cdf", {2, 3}, engine::normal_cdf},
      {"gelu", {2, 3}, engine::gelu},
      {"quick_gelu", {2, 3}, engine::quick_gelu},
      {"reshape", {2, 3}, [](const Var& x) { return reshape(x, {6}); }, true},
      {"permute",
       {2, 3},
       [](const Var& x) {
         return permute(x, {1, 0});
       },
       true},
      {"transpose", {2, 3}, engine::transpose, true},
      {"slice", {2, 3}, [](const Var& x) { return slice(x, 0, 0, 1); }, true},
      {"pad", {2, 3}, [](const Var& x) { return pad(x, 0, 1, 1); }},
      {"concat",
       {2, 3},
       [](const Var& x) {
         return concat(Vars{x, x}, 0);
       }},
      {"broadcast_to",
       {2, 3},
       [](const Var& x) {
         return broadcast_to(x, {4, 2, 3});
       },
       true},
      {"cast", {2, 3}, [](const Var& x) { return cast(x, DType::f32); }},
      {"take_rows", {2, 3}, [](const Var& x) { return take_rows(x, kLabels); }},
      {"put_rows", {2, 3}, [](const Var& x) { return put_rows(x, kLabels, 2); }},
      {"patchify", {1, 1, 2, 2}, [](const Var& x) { return patchify(x, 2); }, true},
      {"sum", {2, 3}, [](const Var& x) { return sum(x, {0}); }},
      {"mean", {2, 3}, [](const Var& x) { return mean(x, {0}); }},
      {"matmul", {2, 2}, [](const Var& x) { return matmul(x, x); }},
      {"linear", {2, 2}, [](const Var& x) { return linear(x, x); }},
      {"linear_add", {2, 2}, [](const Var& x) { return linear_add(x, x, Tensor::zeros({2}, x.dtype()), x); }},
      {"linear_activation",
       {2, 2},
       [](const Var& x) { return linear_activation(x, x, Tensor::zeros({2}, x.dtype()), Activation::gelu); }},
      {"softmax", {2, 3}, engine::softmax},
      {"layer_norm", {3}, [](const Var& x) { return layer_norm(x, x, x); }},
      {"l2_normalize", {2, 3}, engine::l2_normalize},
      {"attention", {1, 2, 6}, [](const Var& x) { return attention(x, 2); }},
      {"cross_entropy", {2, 3}, [](const Var& x) { return cross_entropy(x, kLabels); }},
      {"soft_cross_entropy",
       {1, 2},
       [](const Var& x) {
         return soft_cross_entropy(x, Tensor::full({1, 2}, 0.5, x.dtype()));
       }},
  };
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_table_holds_every_op) {
  const std::set<std::string> declared = tests::declared_ops();
  std::set<std::string> in_table;
  for (const OpCase& op : every_op()) in_table.insert(op.name);
  BOOST_CHECK_GT(declared.size(), 30);
  BOOST_TEST(declared == in_table, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_value_that_escaped_its_transform) {
  for (const OpCase& op : every_op()) {
    Vars leaked;
    const Function leak = [&](VarSpan x) {
      leaked.assign(x.begin(), x.end());
      return Vars{scale(x[0], 2.0)};
    };
    linearize(leak, Vars{Tensor::full(op.shape, 1.0, DType::f64)});
    check_message<EscapeError>([&] { op.f(leaked[0]); },
                               "[" + op.name + "] a traced value escaped its transform: f64 " + to_string(op.shape) +
                                   " was made inside a transform that has ended, or runs on another thread.");
  }
}

BOOST_AUTO_TEST_CASE(whole_numbers) {
  for (const OpCase& op : every_op()) {
    const Tensor whole = Tensor::full(op.shape, 1.0, DType::i64);
    if (op.moves) {
      BOOST_CHECK(op.f(whole).dtype() == DType::i64);
      continue;
    }
    check_message<DTypeError>([&] { op.f(whole); },
                              "[" + op.name + "] needs f32 or f64; got i64 " + to_string(op.shape) + ".");
  }
  check_message<DTypeError>([] { cast(Tensor::zeros({2}), DType::i64); }, "[cast] goes between f32 and f64; got i64.");
}

BOOST_AUTO_TEST_CASE(two_element_types) {
  const auto f32 = [](const Shape& shape) { return Tensor::full(shape, 1.0); };
  const auto f64 = [](const Shape& shape) { return Tensor::full(shape, 1.0, DType::f64); };
  const auto says = [](const std::string& message, const std::function<void()>& mistake) {
    check_message<DTypeError>(mistake, message + "; use cast().");
  };
  says("[add] needs one element type; got f32 [2, 2] and f64 [2, 2]", [&] { add(f32({2, 2}), f64({2, 2})); });
  says("[sub] needs one element type; got f32 [2, 2] and f64 [2, 2]", [&] { sub(f32({2, 2}), f64({2, 2})); });
  says("[mul] needs one element type; got f32 [2, 2] and f64 [2, 2]", [&] { mul(f32({2, 2}), f64({2, 2})); });
  says("[dot] needs one element type; got f32 [2, 2] and f64 [2, 2]", [&] { dot(f32({2, 2}), f64({2, 2})); });
  says("[concat] needs one element type; got f32 [2] and f64 [3]", [&] { concat(Vars{f32({2}), f64({3})}, 0); });
  says("[matmul] needs one element type; got f32 [2, 3] and f64 [3, 2]", [&] { matmul(f32({2, 3}), f64({3, 2})); });
  says("[linear] needs one element type; got f32 [2, 3] and f64 [4, 3]", [&] { linear(f32({2, 3}), f64({4, 3})); });
  says("[linear] needs one element type; got f32 [2, 3] and f64 [4]", [&] {
    linear(f32({2, 3}), f32({4, 3}), f64({4}));
  });
  says("[linear_add] needs one element type; got f32 [2, 3] and f64 [2, 4]", [&] {
    linear_add(f32({2, 3}), f32({4, 3}), f32({4}), f64({2, 4}));
  });
  says("[linear_activation] needs one element type; got f32 [2, 3] and f64 [4]", [&] {
    linear_activation(f32({2, 3}), f32({4, 3}), f64({4}), Activation::gelu);
  });
  says("[layer_norm] needs one element type; got f32 [2, 3] and f64 [3]", [&] {
    layer_norm(f32({2, 3}), f64({3}), f32({3}));
  });
  says("[layer_norm] needs one element type; got f32 [2, 3] and f64 [3]", [&] {
    layer_norm(f32({2, 3}), f32({3}), f64({3}));
  });
  says("[soft_cross_entropy] needs one element type; got f32 [2, 1] and f64 [2, 1]", [&] {
    soft_cross_entropy(f32({2, 1}), f64({2, 1}));
  });
}

BOOST_AUTO_TEST_CASE(shapes_that_do_not_fit) {
  const auto t = [](const Shape& shape) { return Tensor::full(shape, 1.0); };
  const auto says = [](const std::string& message, const std::function<void()>& mistake) {
    check_message<ShapeError>(mistake, message);
  };
  says("[add] needs one shape; got [2, 3] and [3]; use broadcast_to().", [&] { add(t({2, 3}), t({3})); });
  says("[sub] needs one shape; got [2, 3] and [3]; use broadcast_to().", [&] { sub(t({2, 3}), t({3})); });
  says("[mul] needs one shape; got [2, 3] and [3]; use broadcast_to().", [&] { mul(t({2, 3}), t({3})); });
  says("[dot] needs one shape; got [2, 3] and [3]; use broadcast_to().", [&] { dot(t({2, 3}), t({3})); });
  says("[reshape] the number of elements must stay: [2, 3] to [5].", [&] { reshape(t({2, 3}), {5}); });
  says("[permute] needs every axis once, not 1 axes; got [2, 3].", [&] { permute(t({2, 3}), {1}); });
  says("[permute] needs an axis once, not 1 twice; got [2, 3].", [&] { permute(t({2, 3}), {1, -1}); });
  says("[permute] needs an axis 2; got [2, 3].", [&] { permute(t({2, 3}), {1, 2}); });
  says("[transpose] needs at least two axes; got [3].", [&] { transpose(t({3})); });
  says("[slice] needs an axis -3; got [2, 3].", [&] { slice(t({2, 3}), -3, 0, 1); });
  says("[slice] needs 0 <= begin <= end <= extent; got 1 to 4 on axis 1 of [2, 3].", [&] {
    slice(t({2, 3}), 1, 1, 4);
  });
  says("[pad] needs an axis 2; got [2, 3].", [&] { pad(t({2, 3}), 2, 0, 1); });
  says("[pad] needs extents before and after of at least 0; got -1 and 2 for [2, 3].", [&] {
    pad(t({2, 3}), 0, -1, 2);
  });
  says("[concat] needs at least one part.", [&] { concat(Vars{}, 0); });
  says("[concat] needs an axis 2; got [2, 3].", [&] { concat(Vars{t({2, 3})}, 2); });
  says("[concat] parts must agree on every axis but 0; got [2, 3] and [2, 4].", [&] {
    concat(Vars{t({2, 3}), t({2, 4})}, 0);
  });
  says("[broadcast_to] [2, 3] does not broadcast to [3, 3].", [&] { broadcast_to(t({2, 3}), {3, 3}); });
  says("[take_rows] needs a table [N, C]; got [2, 3, 4].", [&] { take_rows(t({2, 3, 4}), kLabels); });
  says("[take_rows] the table has rows 0 .. 0; number 1 is 1.", [&] { take_rows(t({1, 3}), kLabels); });
  says("[put_rows] the table has rows 0 .. 0; number 1 is 1.", [&] { put_rows(t({2, 3}), kLabels, 1); });
  says("[put_rows] needs [..., C] with a row for each of the numbers [2]; got [3, 2].", [&] {
    put_rows(t({3, 2}), kLabels, 2);
  });
  says("[patchify] needs [B, C, H, W] with H and W multiples of the patch, 2; got [1, 3, 5, 4].", [&] {
    patchify(t({1, 3, 5, 4}), 2);
  });
  says("[sum] needs an axis 2; got [2, 3].", [&] { sum(t({2, 3}), {2}); });
  says("[sum] needs an axis once, not 0 twice; got [2, 3].", [&] { sum(t({2, 3}), {0, -2}); });
  says("[mean] needs an axis 2; got [2, 3].", [&] { mean(t({2, 3}), {2}); });
  says("[mean] needs at least one element along the axes; got [0, 3].", [&] { mean(t({0, 3}), {0}); });
  says("[matmul] needs a [..., M, K] and b [..., K, N] with equal leading axes; got [2, 3] and [4, 3].", [&] {
    matmul(t({2, 3}), t({4, 3}));
  });
  says("[linear] needs x [..., I] and weight [O, I], not empty; got [2, 3] and [5, 4].", [&] {
    linear(t({2, 3}), t({5, 4}));
  });
  says("[linear] needs a bias [5]; got [4].", [&] { linear(t({2, 3}), t({5, 3}), t({4})); });
  says("[linear_add] needs x [..., I] and weight [O, I], not empty; got [2, 3] and [5, 4].", [&] {
    linear_add(t({2, 3}), t({5, 4}), t({5}), t({2, 5}));
  });
  says("[linear_add] needs a bias [5]; got [4].", [&] { linear_add(t({2, 3}), t({5, 3}), t({4}), t({2, 5})); });
  says("[linear_add] needs an addend [2, 5]; got [2, 3].", [&] {
    linear_add(t({2, 3}), t({5, 3}), t({5}), t({2, 3}));
  });
  says("[linear_activation] needs x [..., I] and weight [O, I], not empty; got [2, 3] and [5, 4].", [&] {
    linear_activation(t({2, 3}), t({5, 4}), t({5}), Activation::gelu);
  });
  says("[linear_activation] needs a bias [5]; got [4].", [&] {
    linear_activation(t({2, 3}), t({5, 3}), t({4}), Activation::gelu);
  });
  says("[softmax] needs a last axis with elements; got [].", [&] { softmax(t({})); });
  says("[layer_norm] needs a last axis with elements; got [2, 0].", [&] { layer_norm(t({2, 0}), t({0}), t({0})); });
  says("[layer_norm] needs gamma [3]; got [2].", [&] { layer_norm(t({2, 3}), t({2}), t({3})); });
  says("[layer_norm] needs beta [3]; got [1, 3].", [&] { layer_norm(t({2, 3}), t({3}), t({1, 3})); });
  says("[l2_normalize] needs a last axis with elements; got [].", [&] { l2_normalize(t({})); });
  says("[attention] needs qkv [B, T, 3·C] with C a multiple of the heads, 2; got [1, 2, 9].", [&] {
    attention(t({1, 2, 9}), 2);
  });
  says("[cross_entropy] needs logits [B, K], not empty; got [3].", [&] { cross_entropy(t({3}), kLabels); });
  says("[cross_entropy] needs labels i64 [3]; got i64 [2].", [&] { cross_entropy(t({3, 4}), kLabels); });
  says("[cross_entropy] needs labels i64 [2]; got f32 [2].", [&] { cross_entropy(t({2, 4}), t({2})); });
  says("[soft_cross_entropy] needs logits [B, K], not empty; got [0, 3].", [&] {
    soft_cross_entropy(t({0, 3}), t({0, 3}));
  });
  says("[soft_cross_entropy] needs one shape; got [2, 3] and [2, 4]; use broadcast_to().", [&] {
    soft_cross_entropy(t({2, 3}), t({2, 4}));
  });
  check_message<std::invalid_argument>(
      [&] {
        cross_entropy(t({2, 1}), kLabels);
      },
      "[cross_entropy] needs labels in 0 .. 0; got 1 at position 1.");
  check_message<std::invalid_argument>(
      [&] {
        soft_cross_entropy(t({2, 3}), t({2, 3}));
      },
      "[soft_cross_entropy] each row of targets must sum to 1; row 0 sums to 3.000000.");
}

BOOST_AUTO_TEST_CASE(a_write_to_shared_storage) {
  Tensor x = Tensor::zeros({4}, DType::f64);
  const Tensor view = x.slice(0, 0, 2);
  check_message<AliasError>([&] { x.writable(); },
                            "[writable] storage of f64 [4] is shared by 2 tensors; write to a clone(), or let the "
                            "others go first.");
  // A recording holds what it was recorded at.
  Tensor weight = Tensor::full({3, 2}, 1.0);
  const Function layer = [](VarSpan w) { return Vars{linear(Tensor::full({1, 2}, 1.0), w[0])}; };
  const Linearization record = linearize(layer, Vars{weight});
  check_message<AliasError>([&] { weight.writable(); },
                            "[writable] storage of f32 [3, 2] is shared by 2 tensors; write to a clone(), or let the "
                            "others go first.");
}

BOOST_AUTO_TEST_CASE(tangents_of_the_wrong_kind) {
  const Function f = [](VarSpan x) { return Vars{scale(x[0], 2.0)}; };
  const Vars x{Tensor::zeros({2}, DType::f64)};
  const Linearization record = linearize(f, x);
  const Tensor narrow = Tensor::zeros({2});
  const Tensor wide = Tensor::zeros({3}, DType::f64);
  check_message<ShapeError>([&] { record.push(Tangents{}); }, "[push] needs one entry per input, 1; got 0.");
  check_message<ShapeError>([&] { record.push(Tangents{wide}); }, "[push] entry 0 must be [2]; got [3].");
  check_message<DTypeError>([&] { record.push(Tangents{narrow}); }, "[push] entry 0 must be f64; got f32.");
  check_message<ShapeError>([&] { record.pull(Tangents{}); }, "[pull] needs one entry per output, 1; got 0.");
  check_message<ShapeError>([&] { record.pull(Tangents{wide}); }, "[pull] entry 0 must be [2]; got [3].");
  check_message<DTypeError>([&] { record.pull(Tangents{narrow}); }, "[pull] entry 0 must be f64; got f32.");
  check_message<ShapeError>([&] { jvp(f, x, std::vector<Tangents>{Tangents{wide}}); },
                            "[jvp] entry 0 must be [2]; got [3].");
  check_message<ShapeError>([&] { grad(f)(x); }, "[grad] needs a function with one value; got shape [2].");
  const Function two = [](VarSpan v) { return Vars{v[0], v[0]}; };
  check_message<ShapeError>([&] { grad(two)(x); }, "[grad] needs one entry per scalar output, 1; got 2.");
}

BOOST_AUTO_TEST_CASE(a_recording_that_is_spent) {
  const Function square = [](VarSpan x) { return Vars{mul(x[0], x[0])}; };
  const Tensor x = Tensor::full({2}, 3.0);
  Linearization record = linearize(square, Vars{x});
  std::move(record).pull(Tangents{x});
  Tensor kept = Tensor::zeros({2});
  std::vector<CotangentSum> into{{kept.writable()}};
  for (const std::function<void()>& mistake :
       std::vector<std::function<void()>>{[&] { record.push(Tangents{x}); }, [&] { record.pull(Tangents{x}); },
                                          [&] { std::move(record).pull_into(Tangents{x}, into); }}) {
    check_message<std::logic_error>(
        mistake, "[linearization] its residuals went with the last pull; record again, or pull without std::move.");
  }
}

BOOST_AUTO_TEST_CASE(row_numbers_of_the_wrong_kind) {
  const Tensor x = Tensor::zeros({2, 3});
  check_message<DTypeError>([&] { take_rows(x, Tensor::zeros({2})); },
                            "[take_rows] needs numbers of rows in i64; got f32 [2].");
  check_message<DTypeError>([&] { put_rows(x, Tensor::zeros({2}, DType::f64), 2); },
                            "[put_rows] needs numbers of rows in i64; got f64 [2].");
}

// No op asks for it: the pull of a layer that saw no rows has none to add to.
BOOST_AUTO_TEST_CASE(an_epilogue_of_an_empty_product) {
  const Tensor bias = Tensor::zeros({4});
  const Tensor whole = Tensor::zeros({2, 4});
  for (const backend::Epilogue& epilogue :
       {backend::Epilogue{.bias = &bias}, backend::Epilogue{.addend = &whole}, backend::Epilogue{.multiply = &whole}}) {
    Tensor out = Tensor::zeros({2, 4});
    check_message<std::logic_error>(
        [&] {
          backend::matmul(Tensor::zeros({2, 0}), Tensor::zeros({0, 4}), out.writable(), epilogue);
        },
        "[matmul] an empty product has no epilogue.");
  }
}

BOOST_AUTO_TEST_CASE(shapes_and_sizes_that_cannot_be) {
  const auto says = [](const std::string& message, const std::function<void()>& mistake) {
    check_message<ShapeError>(mistake, message);
  };
  constexpr std::int64_t kHuge = std::int64_t{1} << 40;
  says("[shape] at most 6 extents; got 7.", [] { Shape({1, 1, 1, 1, 1, 1, 1}); });
  says("[shape] extents must not be negative; got [2, -1].", [] { Shape({2, -1}); });
  says("[shape] the number of elements must fit 63 bits; got [1099511627776, 1099511627776].", [] {
    Shape({kHuge, kHuge});
  });
  says("[tensor] the number of bytes must fit 63 bits; got shape [1099511627776, 4194304].", [] {
    Tensor::empty({kHuge, std::int64_t{1} << 22});
  });
}

BOOST_AUTO_TEST_CASE(misuse_of_a_tensor) {
  const Tensor x = Tensor::zeros({2, 3});
  const auto says = [](const std::string& message, const std::function<void()>& mistake) {
    check_message<ShapeError>(mistake, message);
  };
  says("[tensor] [3] needs 3 values; got 2.", [] { Tensor::from<float>({1.0F, 2.0F}, {3}); });
  says("[item] needs a tensor of one element; got shape [2, 3].", [&] { x.item(); });
  says("[item] needs a tensor of one element; got shape [0].", [&] { Tensor::zeros({0}).item(); });
  says("[shape] axis 2 does not exist in rank 2.", [&] { x.slice(2, 0, 1); });
  says("[shape] axis -3 does not exist in rank 2.", [&] { x.slice(-3, 0, 1); });
  says("[slice] needs 0 <= begin <= end <= extent; got 1 to 4 on axis -1 of [2, 3].", [&] { x.slice(-1, 1, 4); });
  says("[slice] needs 0 <= begin <= end <= extent; got 2 to 1 on axis 0 of [2, 3].", [&] { x.slice(0, 2, 1); });
  says("[shape] an axis is named twice.", [&] { x.permute({0, 0}); });
  says("[permute] needs every axis of [2, 3] once; got 1 axes.", [&] { x.permute({1}); });
  says("[broadcast_to] [2, 3] does not broadcast to [3, 3].", [&] { x.broadcast_to({3, 3}); });
  says("[reshape] the number of elements must stay: [2, 3] to [5].", [&] { x.reshape({5}); });
  says("[reshape] [3, 2] to [6] would need a copy; call contiguous() first.", [&] { x.permute({1, 0}).reshape({6}); });
  check_message<DTypeError>([&] { x.data<double>(); },
                            "[tensor.data] elements asked for as f64; the tensor holds f32.");
  Tensor whole = Tensor::zeros({2}, DType::i64);
  check_message<DTypeError>([&] { whole.writable().data<float>(); },
                            "[writable.data] elements asked for as f32; the tensor holds i64.");
}

BOOST_AUTO_TEST_SUITE_END()
