// Every op through check_rules on 500 random cases each: ranks 0 to 6, extents of 1, odd ones, those around the widths of
// vectors and some of 70 to 130; inputs, tangents and cotangents dense, in another order of axes, with gaps, or of
// repeated elements.
//
// A failure names the op, the case and the inputs; this runs case 17 of one op alone:
//   build/release/bin/engine_random_tests --run_test=random_ops/softmax_cases -- 17
#include <algorithm>
#include <array>
#include <boost/test/tree/traverse.hpp>
#include <boost/test/tree/visitor.hpp>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <numeric>
#include <set>

#include "engine/ops/ops.hpp"
#include "engine/tensor/hash.hpp"
#include "tests/support/check_rules.hpp"
#include "tests/support/declared_ops.hpp"
#include "tests/support/layouts.hpp"
#include "tests/support/references.hpp"
#include "tests/support/tensors.hpp"

using namespace engine;
using namespace tests;

BOOST_AUTO_TEST_SUITE(random_ops)

namespace {

constexpr std::uint64_t kSeed = 2601;
constexpr std::int64_t kCases = 500;
constexpr std::int64_t kMostElements = 1500;
// f32 sums of so many elements near 1: their total may be near 0, and equal ones may all be rounded the same way.
constexpr double kSumming = 1e-4;
constexpr std::array<std::int64_t, 16> kExtents{1, 1, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33};

struct Case {
  Function f;
  std::vector<Tensor> inputs;
  RuleOptions options;
  std::string attributes = {};  // what the inputs do not tell
};

void check_cases(const std::string& op, const std::function<Case(Random&)>& draw) {
  // By its name the_cases_are_of_every_op finds the test.
  BOOST_REQUIRE_EQUAL(boost::unit_test::framework::current_test_unit().p_name.get(), op + "_cases");
  const auto& suite = boost::unit_test::framework::master_test_suite();
  const bool only_one = suite.argc > 1;
  const std::int64_t first = only_one ? std::stoll(suite.argv[1]) : 0;
  for (std::int64_t i = first; i < (only_one ? first + 1 : kCases); ++i) {
    Random random({kSeed, hash_of(op), static_cast<std::uint64_t>(i)});
    Case drawn = draw(random);
    drawn.options.mixed_layouts = true;
    std::string name = op + ", case " + std::to_string(i) + " of seed " + std::to_string(kSeed) + ",";
    for (const Tensor& input : drawn.inputs) {
      name += " " + to_string(input.shape()) + " by steps (";
      for (int axis = 0; axis < input.shape().rank(); ++axis) name += " " + std::to_string(input.stride(axis));
      name += " )";
    }
    name += drawn.attributes.empty() ? "" : ", " + drawn.attributes;
    BOOST_TEST_CONTEXT(name) { check_rules(name, drawn.f, drawn.inputs, drawn.options); }
  }
}

// ---- shapes ----

constexpr std::int64_t kLong = 70;  // longer than a vector of any type and than what is unrolled
constexpr std::int64_t kLongest = 130;

std::int64_t extent(Random& random, std::int64_t most = kLongest) {
  if (most >= kLong && random.chance(0.08)) return kLong + random.index(std::min(most, kLongest) - kLong + 1);
  while (true) {
    const std::int64_t drawn = kExtents[static_cast<std::size_t>(random.index(kExtents.size()))];
    if (drawn <= most) return drawn;
  }
}

Shape shape_of(Random& random, std::int64_t least_rank, std::int64_t most_rank = kMaxRank,
               std::int64_t most_elements = kMostElements) {
  std::vector<std::int64_t> extents(static_cast<std::size_t>(least_rank + random.index(most_rank - least_rank + 1)));
  for (std::int64_t& drawn : extents) {
    drawn = extent(random, most_elements);
    most_elements /= drawn;
  }
  random.shuffle(extents);  // large ones are not always in front
  return Shape(extents);
}

int axis_of(Random& random, const Shape& shape) { return static_cast<int>(random.index(shape.rank())); }

Axes order_of_axes(Random& random, const Shape& shape) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(shape.rank()));
  std::iota(order.begin(), order.end(), 0);
  random.shuffle(order);
  return {order.begin(), order.end()};
}

Axes some_axes(Random& random, const Shape& shape) {
  Axes axes;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (random.chance(0.5)) axes.push_back(axis);
  }
  return axes;
}

Shape with_last(const Shape& shape, std::int64_t extent) {
  std::vector<std::int64_t> extents(shape.extents().begin(), shape.extents().end());
  extents.push_back(extent);
  return Shape(extents);
}

std::string text_of(const Axes& axes) {
  std::string text = "axes";
  for (const int axis : axes) text += " " + std::to_string(axis);
  return text;
}

// ---- values ----

Tensor normal(const Shape& shape, Random& random, double deviation = 1.0) {
  return laid_out(random_tensor(shape, random, deviation), random);
}

// Away from zero, where log, sqrt, 1/x and 1/‖x‖ have steep derivatives.
Tensor positive(const Shape& shape, Random& random) {
  return laid_out(uniform_tensor(shape, random, 0.5, 2.0), random);
}

// No two elements of a row nearer than 0.4: else the derivatives of a row's normalisation have no bound.
Tensor spread(const Shape& shape, Random& random) {
  std::vector<double> values;
  std::vector<std::int64_t> row(static_cast<std::size_t>(shape[-1]));
  std::iota(row.begin(), row.end(), 0);
  for (std::int64_t i = 0; i < shape.numel() / shape[-1]; ++i) {
    random.shuffle(row);
    for (const std::int64_t rank : row) values.push_back(static_cast<double>(rank) + random.uniform(-0.3, 0.3));
  }
  return laid_out(Tensor::from<double>(values, shape), random, true);
}

// Rows of positive elements that sum to 1.
Tensor distribution(const Shape& shape, Random& random) {
  return laid_out(rowwise(softmax_row)({random_tensor(shape, random)}), random, true);
}

// Row numbers in any layout, often the same ones again, at times none; x [..., C] has a row for each of them.
struct NumberedRows {
  Tensor rows;
  std::int64_t N;
  std::int64_t C;

  explicit NumberedRows(Random& random) : rows(Tensor::zeros({}, DType::i64)), N(extent(random)), C(extent(random)) {
    Shape shape = shape_of(random, 0, kMaxRank - 1, kMostElements / C);
    if (shape.rank() > 0 && random.chance(0.05)) shape = shape.with(axis_of(random, shape), 0);
    std::vector<std::int64_t> numbers;
    const std::int64_t named = random.chance(0.5) ? 1 + random.index(N) : N;  // of few rows each is named many times
    for (std::int64_t i = 0; i < shape.numel(); ++i) numbers.push_back(random.index(named));
    rows = laid_out(Tensor::from<std::int64_t>(numbers, shape), random);
  }
  std::vector<std::int64_t> numbers() const {  // of which a layout may have repeated some
    const std::vector<double> values = values_of(rows);
    return {values.begin(), values.end()};
  }
  // An op on x [N, C] or [..., C], whose pull sums the cotangents of a row that is named several times.
  Case of(const Function& op, const Shape& x, const Reference& reference, Random& random) const {
    return {op,
            {normal(x, random)},
            {.reference = reference, .f32_tolerance = kSumming},
            "rows " + to_string(rows.shape()) + " of " + std::to_string(N)};
  }
};

// ---- kinds of ops ----

auto unary(Var (*op)(const Var&), double (*reference)(double), bool only_positive = false) {
  return [=](Random& random) -> Case {
    const Shape shape = shape_of(random, 0);
    return {[op](VarSpan x) { return Vars{op(x[0])}; },
            {only_positive ? positive(shape, random) : normal(shape, random)},
            {.reference = elementwise(reference)}};
  };
}

auto binary(Var (*op)(const Var&, const Var&), double (*reference)(double, double)) {
  return [=](Random& random) -> Case {
    const Shape shape = shape_of(random, 0);
    return {[op](VarSpan x) { return Vars{op(x[0], x[1])}; },
            {normal(shape, random), normal(shape, random)},
            {.reference = elementwise(reference)}};
  };
}

// Of one input whose elements only move: `source` is where an element of the result comes from.
Case moving(Tensor x, const std::function<Var(const Var&)>& op, const Shape& to,
            const std::function<std::optional<Index>(const Index&)>& source, std::string attributes = {}) {
  return {[op](VarSpan v) { return Vars{op(v[0])}; },
          {std::move(x)},
          {.reference = [=](const std::vector<Tensor>& v) { return gathered(v[0], to, source); }},
          std::move(attributes)};
}

class NamesOfTests final : public boost::unit_test::test_tree_visitor {
 public:
  explicit NamesOfTests(std::set<std::string>& names) : names_(names) {}
  void visit(const boost::unit_test::test_case& test) override { names_.insert(test.p_name.get()); }

 private:
  std::set<std::string>& names_;
};

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

}  // namespace

BOOST_AUTO_TEST_CASE(the_cases_are_of_every_op) {
  std::set<std::string> tests;
  NamesOfTests names(tests);
  boost::unit_test::traverse_test_tree(boost::unit_test::framework::current_test_unit().p_parent_id, names, true);
  std::set<std::string> expected{"the_cases_are_of_every_op"};
  for (const std::string& op : declared_ops()) expected.insert(op + "_cases");
  BOOST_TEST(tests == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(add_cases) {
  check_cases("add", binary(
                         add, +[](double a, double b) { return a + b; }));
}
BOOST_AUTO_TEST_CASE(sub_cases) {
  check_cases("sub", binary(
                         sub, +[](double a, double b) { return a - b; }));
}
BOOST_AUTO_TEST_CASE(mul_cases) {
  check_cases("mul", binary(
                         mul, +[](double a, double b) { return a * b; }));
}

BOOST_AUTO_TEST_CASE(scale_cases) {
  check_cases("scale", [](Random& random) -> Case {
    const double factor = random.normal();
    return {[=](VarSpan x) { return Vars{scale(x[0], factor)}; },
            {normal(shape_of(random, 0), random)},
            {.reference =
                 [=](const std::vector<Tensor>& x) {
                   return elementwise(+[](double a, double b) { return a * b; })(
                       {x[0], Tensor::full(x[0].shape(), factor, DType::f64)});
                 }},
            "factor " + std::to_string(factor)};
  });
}

BOOST_AUTO_TEST_CASE(shift_cases) {
  check_cases("shift", [](Random& random) -> Case {
    const double offset = random.normal();
    return {[=](VarSpan x) { return Vars{shift(x[0], offset)}; },
            {normal(shape_of(random, 0), random)},
            {.reference =
                 [=](const std::vector<Tensor>& x) {
                   return elementwise(+[](double a, double b) { return a + b; })(
                       {x[0], Tensor::full(x[0].shape(), offset, DType::f64)});
                 }},
            "offset " + std::to_string(offset)};
  });
}

BOOST_AUTO_TEST_CASE(dot_cases) {
  check_cases("dot", [](Random& random) -> Case {
    const Shape shape = shape_of(random, 0);
    return {[](VarSpan x) { return Vars{dot(x[0], x[1])}; },
            {normal(shape, random), normal(shape, random)},
            {.reference =
                 [](const std::vector<Tensor>& x) {
                   return Tensor::full({}, inner(Tangents{x[0]}, Tangents{x[1]}), DType::f64);
                 },
             .f32_tolerance = kSumming}};
  });
}

BOOST_AUTO_TEST_CASE(exp_cases) {
  check_cases("exp", unary(
                         exp, +[](double x) { return std::exp(x); }));
}
BOOST_AUTO_TEST_CASE(log_cases) {
  check_cases("log", unary(
                         log, +[](double x) { return std::log(x); }, true));
}
BOOST_AUTO_TEST_CASE(sqrt_cases) {
  check_cases("sqrt", unary(
                          sqrt, +[](double x) { return std::sqrt(x); }, true));
}
BOOST_AUTO_TEST_CASE(reciprocal_cases) {
  check_cases("reciprocal", unary(
                                reciprocal, +[](double x) { return 1.0 / x; }, true));
}
BOOST_AUTO_TEST_CASE(tanh_cases) {
  check_cases("tanh", unary(
                          tanh, +[](double x) { return std::tanh(x); }));
}
BOOST_AUTO_TEST_CASE(sigmoid_cases) {
  check_cases("sigmoid", unary(
                             sigmoid, +[](double x) { return 1.0 / (1.0 + std::exp(-x)); }));
}
BOOST_AUTO_TEST_CASE(normal_cdf_cases) {
  check_cases("normal_cdf", unary(
                                normal_cdf, +[](double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }));
}
BOOST_AUTO_TEST_CASE(gelu_cases) { check_cases("gelu", unary(gelu, gelu_of)); }
BOOST_AUTO_TEST_CASE(quick_gelu_cases) { check_cases("quick_gelu", unary(quick_gelu, quick_gelu_of)); }

BOOST_AUTO_TEST_CASE(reshape_cases) {
  check_cases("reshape", [](Random& random) -> Case {
    const Shape from = shape_of(random, 0);
    std::vector<std::int64_t> extents;  // the factors of some extents, in another order
    for (const std::int64_t whole : from.extents()) {
      const std::int64_t part = whole % 2 == 0 ? 2 : whole % 3 == 0 ? 3 : whole;
      extents.push_back(part);
      if (whole / part != 1) extents.push_back(whole / part);
    }
    while (extents.size() > kMaxRank) {
      const std::int64_t last = extents.back();
      extents.pop_back();
      extents[at(random.index(static_cast<std::int64_t>(extents.size())))] *= last;
    }
    if (random.chance(0.5)) random.shuffle(extents);
    const Shape to{std::span<const std::int64_t>(extents)};
    return {[=](VarSpan x) { return Vars{reshape(x[0], to)}; },
            {normal(from, random)},
            {.reference = [=](const std::vector<Tensor>& x) { return Tensor::from<double>(values_of(x[0]), to); }},
            "to " + to_string(to)};
  });
}

BOOST_AUTO_TEST_CASE(permute_cases) {
  check_cases("permute", [](Random& random) -> Case {
    const Shape from = shape_of(random, 0);
    const Axes axes = order_of_axes(random, from);
    std::vector<std::int64_t> extents;
    for (const int axis : axes) extents.push_back(from[axis]);
    const auto source = [axes](const Index& i) {
      Index j(i.size());
      for (std::size_t k = 0; k < i.size(); ++k) j[at(axes[k])] = i[k];
      return j;
    };
    return moving(
        normal(from, random), [=](const Var& x) { return permute(x, axes); }, Shape(extents), source, text_of(axes));
  });
}

BOOST_AUTO_TEST_CASE(transpose_cases) {
  check_cases("transpose", [](Random& random) -> Case {
    const Shape from = shape_of(random, 2);
    const auto source = [](Index i) {
      std::swap(i[i.size() - 1], i[i.size() - 2]);
      return i;
    };
    return moving(
        normal(from, random), [](const Var& x) { return transpose(x); }, from.with(-1, from[-2]).with(-2, from[-1]),
        source);
  });
}

BOOST_AUTO_TEST_CASE(slice_cases) {
  check_cases("slice", [](Random& random) -> Case {
    const Shape from = shape_of(random, 1);
    const int axis = axis_of(random, from);
    const std::int64_t begin = random.index(from[axis]);
    const std::int64_t end = begin + 1 + random.index(from[axis] - begin);
    const auto source = [=](Index i) {
      i[at(axis)] += begin;
      return i;
    };
    return moving(
        normal(from, random), [=](const Var& x) { return slice(x, axis, begin, end); }, from.with(axis, end - begin),
        source, "axis " + std::to_string(axis) + ", " + std::to_string(begin) + " to " + std::to_string(end));
  });
}

BOOST_AUTO_TEST_CASE(pad_cases) {
  check_cases("pad", [](Random& random) -> Case {
    const Shape from = shape_of(random, 1);
    const int axis = axis_of(random, from);
    const std::int64_t before = random.index(4);
    const std::int64_t after = random.index(4);
    const auto source = [=](Index i) -> std::optional<Index> {
      i[at(axis)] -= before;
      return i[at(axis)] >= 0 && i[at(axis)] < from[axis] ? std::optional(i) : std::nullopt;
    };
    return moving(
        normal(from, random), [=](const Var& x) { return pad(x, axis, before, after); },
        from.with(axis, before + from[axis] + after), source,
        "axis " + std::to_string(axis) + ", " + std::to_string(before) + " before and " + std::to_string(after) +
            " after");
  });
}

BOOST_AUTO_TEST_CASE(broadcast_to_cases) {
  check_cases("broadcast_to", [](Random& random) -> Case {
    const Shape to = shape_of(random, 0);
    const std::int64_t added = random.index(to.rank() + 1);
    std::vector<std::int64_t> extents;
    for (const std::int64_t whole : to.extents().subspan(at(added))) extents.push_back(random.chance(0.4) ? 1 : whole);
    const Shape from(extents);
    const auto source = [=](const Index& i) {
      Index j(i.begin() + added, i.end());
      for (std::size_t axis = 0; axis < j.size(); ++axis) {
        if (from[static_cast<int>(axis)] == 1) j[axis] = 0;
      }
      return j;
    };
    Case repeating = moving(
        normal(from, random), [=](const Var& x) { return broadcast_to(x, to); }, to, source, "to " + to_string(to));
    repeating.options.f32_tolerance = kSumming;  // its pull is a sum
    return repeating;
  });
}

BOOST_AUTO_TEST_CASE(cast_cases) {
  check_cases("cast", [](Random& random) -> Case {
    return {cast_there_and_back, {normal(shape_of(random, 0), random)}, cast_options()};
  });
}

BOOST_AUTO_TEST_CASE(take_rows_cases) {
  check_cases("take_rows", [](Random& random) -> Case {
    const NumberedRows drawn(random);
    const auto naive = [=](const std::vector<Tensor>& x) {
      const std::vector<double> table = values_of(x[0]);
      std::vector<double> taken;
      for (const std::int64_t number : drawn.numbers()) {
        const auto row = table.begin() + number * drawn.C;
        taken.insert(taken.end(), row, row + drawn.C);
      }
      return Tensor::from<double>(taken, with_last(drawn.rows.shape(), drawn.C));
    };
    const auto op = [=](VarSpan x) { return Vars{take_rows(x[0], drawn.rows)}; };
    return drawn.of(op, {drawn.N, drawn.C}, naive, random);
  });
}

BOOST_AUTO_TEST_CASE(put_rows_cases) {
  check_cases("put_rows", [](Random& random) -> Case {
    const NumberedRows drawn(random);
    const auto naive = [=](const std::vector<Tensor>& x) {
      const std::vector<std::int64_t> numbers = drawn.numbers();
      const std::vector<double> values = values_of(x[0]);
      std::vector<double> table(at(drawn.N * drawn.C), 0.0);
      for (std::size_t i = 0; i < values.size(); ++i)
        table[at(numbers[i / at(drawn.C)] * drawn.C) + i % at(drawn.C)] += values[i];
      return Tensor::from<double>(table, {drawn.N, drawn.C});
    };
    const auto op = [=](VarSpan x) { return Vars{put_rows(x[0], drawn.rows, drawn.N)}; };
    return drawn.of(op, with_last(drawn.rows.shape(), drawn.C), naive, random);
  });
}

BOOST_AUTO_TEST_CASE(patchify_cases) {
  check_cases("patchify", [](Random& random) -> Case {
    const std::int64_t patch = 1 + random.index(4);
    const Shape tiles = shape_of(random, 4, 4, kMostElements / (patch * patch));
    const std::int64_t columns = tiles[3];
    const auto source = [=](const Index& i) {
      const std::int64_t channel = i[2] / (patch * patch);
      const std::int64_t row = i[2] / patch % patch;
      return Index{i[0], channel, i[1] / columns * patch + row, i[1] % columns * patch + i[2] % patch};
    };
    return moving(
        normal({tiles[0], tiles[1], tiles[2] * patch, columns * patch}, random),
        [=](const Var& x) { return patchify(x, patch); }, {tiles[0], tiles[2] * columns, tiles[1] * patch * patch},
        source, "patch " + std::to_string(patch));
  });
}

BOOST_AUTO_TEST_CASE(concat_cases) {
  check_cases("concat", [](Random& random) -> Case {
    const Shape shape = shape_of(random, 1, kMaxRank, kMostElements / 3);
    const int axis = axis_of(random, shape);
    std::vector<Tensor> parts;
    for (std::int64_t count = 1 + random.index(4); count > 0; --count)
      parts.push_back(normal(shape.with(axis, 1 + random.index(2 * shape[axis])), random));
    const Reference reference = [=](const std::vector<Tensor>& x) {
      std::int64_t whole = 0;
      for (const Tensor& part : x) whole += part.shape()[axis];
      Tensor sum = Tensor::zeros(shape.with(axis, whole), DType::f64);  // of the parts, each padded to the whole
      std::int64_t begin = 0;
      for (const Tensor& part : x) {
        const Tensor padded = gathered(part, sum.shape(), [&](Index i) -> std::optional<Index> {
          i[at(axis)] -= begin;
          return i[at(axis)] >= 0 && i[at(axis)] < part.shape()[axis] ? std::optional(i) : std::nullopt;
        });
        sum = elementwise(+[](double a, double b) { return a + b; })({sum, padded});
        begin += part.shape()[axis];
      }
      return sum;
    };
    return {[=](VarSpan x) { return Vars{concat(x, axis)}; },
            parts,
            {.reference = reference},
            "axis " + std::to_string(axis)};
  });
}

BOOST_AUTO_TEST_CASE(sum_cases) {
  check_cases("sum", [](Random& random) -> Case {
    const Shape shape = shape_of(random, 0);
    const Axes axes = some_axes(random, shape);
    return {
        [=](VarSpan x) { return Vars{sum(x[0], axes)}; },
        {normal(shape, random)},
        {.reference = [=](const std::vector<Tensor>& x) { return naive_sum(x[0], axes); }, .f32_tolerance = kSumming},
        text_of(axes)};
  });
}

BOOST_AUTO_TEST_CASE(mean_cases) {
  check_cases("mean", [](Random& random) -> Case {
    const Shape shape = shape_of(random, 0);
    const Axes axes = some_axes(random, shape);
    const Reference reference = [=](const std::vector<Tensor>& x) {
      const Tensor total = naive_sum(x[0], axes);
      std::vector<double> values = values_of(total);
      for (double& value : values) value *= static_cast<double>(total.numel()) / static_cast<double>(shape.numel());
      return Tensor::from<double>(values, total.shape());
    };
    return {[=](VarSpan x) { return Vars{mean(x[0], axes)}; },
            {normal(shape, random)},
            {.reference = reference},
            text_of(axes)};
  });
}

BOOST_AUTO_TEST_CASE(matmul_cases) {
  check_cases("matmul", [](Random& random) -> Case {
    const Shape a = shape_of(random, 2, 4, 2 * kMostElements);
    const Shape b = a.with(-2, a[-1]).with(-1, extent(random));
    return {[](VarSpan x) { return Vars{matmul(x[0], x[1])}; },
            {normal(a, random), normal(b, random)},
            {.reference = naive_matmul}};
  });
}

BOOST_AUTO_TEST_CASE(linear_cases) {
  check_cases("linear", [](Random& random) -> Case {
    const Shape x = shape_of(random, 1, 4);
    const std::int64_t O = extent(random);
    std::vector<Tensor> inputs{normal(x, random), normal({O, x[-1]}, random)};
    const bool bias = random.chance(0.5);
    if (bias) inputs.push_back(normal({O}, random));
    return {[=](VarSpan v) { return Vars{bias ? linear(v[0], v[1], v[2]) : linear(v[0], v[1])}; },
            inputs,
            {.reference = [](const std::vector<Tensor>& v) { return naive_linear(v, [](double z) { return z; }); },
             .f32_tolerance = kSumming}};
  });
}

BOOST_AUTO_TEST_CASE(linear_add_cases) {
  check_cases("linear_add", [](Random& random) -> Case {
    const Shape x = shape_of(random, 1, 4);
    const std::int64_t O = extent(random);
    return {[](VarSpan v) { return Vars{linear_add(v[0], v[1], v[2], v[3])}; },
            {normal(x, random), normal({O, x[-1]}, random), normal({O}, random), normal(x.with(-1, O), random)},
            {.reference = naive_linear_add, .f32_tolerance = kSumming}};
  });
}

BOOST_AUTO_TEST_CASE(linear_activation_cases) {
  check_cases("linear_activation", [](Random& random) -> Case {
    const Shape x = shape_of(random, 1, 4);
    const std::int64_t O = extent(random);
    const double deviation = 1.0 / std::sqrt(static_cast<double>(x[-1]));  // z near 1, where the activation is curved
    const bool quick = random.chance(0.5);
    return {
        [=](VarSpan v) {
          return Vars{linear_activation(v[0], v[1], v[2], quick ? Activation::quick_gelu : Activation::gelu)};
        },
        {normal(x, random), normal({O, x[-1]}, random, deviation), normal({O}, random)},
        {.reference = [=](const std::vector<Tensor>& v) { return naive_linear(v, quick ? quick_gelu_of : gelu_of); },
         .difference_tolerance = 1e-7,  // ẋ, Ẇ and x, W together make z move by several units
         .f32_tolerance = kSumming},
        quick ? "quick_gelu" : "gelu"};
  });
}

BOOST_AUTO_TEST_CASE(softmax_cases) {
  check_cases("softmax", [](Random& random) -> Case {
    return {[](VarSpan x) { return Vars{softmax(x[0])}; },
            {normal(shape_of(random, 1), random)},
            {.reference = rowwise(softmax_row)}};
  });
}

BOOST_AUTO_TEST_CASE(layer_norm_cases) {
  check_cases("layer_norm", [](Random& random) -> Case {
    const Shape shape = shape_of(random, 1);
    const Shape channels{shape[-1]};
    const double eps = std::pow(10.0, random.uniform(-8.0, 0.0));
    return {[=](VarSpan x) { return Vars{layer_norm(x[0], x[1], x[2], eps)}; },
            {spread(shape, random), normal(channels, random), normal(channels, random)},
            {.reference = [=](const std::vector<Tensor>& x) { return naive_layer_norm(x, eps); },
             .f32_tolerance = kSumming},  // the pulls to gamma and beta are sums over the rows
            "eps " + std::to_string(eps)};
  });
}

BOOST_AUTO_TEST_CASE(l2_normalize_cases) {
  check_cases("l2_normalize", [](Random& random) -> Case {
    return {[](VarSpan x) { return Vars{l2_normalize(x[0])}; },
            {positive(shape_of(random, 1), random)},
            {.reference = rowwise(unit_row)}};
  });
}

BOOST_AUTO_TEST_CASE(attention_cases) {
  check_cases("attention", [](Random& random) -> Case {
    const std::int64_t heads = 1 + random.index(3);
    const Shape shape = shape_of(random, 3, 3, kMostElements / heads);  // [B, T, d]
    const Mask mask = random.index(2) == 0 ? Mask::none : Mask::causal;
    const bool causal = mask == Mask::causal;
    return {[=](VarSpan x) { return Vars{attention(x[0], heads, mask)}; },
            {normal({shape[0], shape[1], 3 * heads * shape[2]}, random)},
            {.reference = [=](const std::vector<Tensor>& x) { return naive_attention(x[0], heads, causal); }},
            "heads " + std::to_string(heads) + (causal ? ", causal" : "")};
  });
}

BOOST_AUTO_TEST_CASE(cross_entropy_cases) {
  check_cases("cross_entropy", [](Random& random) -> Case {
    const Shape shape = shape_of(random, 2, 2);
    std::vector<std::int64_t> labels;
    std::vector<double> targets(at(shape.numel()), 0.0);
    for (std::int64_t b = 0; b < shape[0]; ++b) {
      labels.push_back(random.index(shape[1]));
      targets[at(b * shape[1] + labels.back())] = 1.0;
    }
    return {[y = Tensor::from<std::int64_t>(labels, {shape[0]})](VarSpan x) { return Vars{cross_entropy(x[0], y)}; },
            {normal(shape, random)},
            {.reference = [t = Tensor::from<double>(targets, shape)](const std::vector<Tensor>& x) {
              return naive_cross_entropy(x[0], t);
            }}};
  });
}

BOOST_AUTO_TEST_CASE(soft_cross_entropy_cases) {
  check_cases("soft_cross_entropy", [](Random& random) -> Case {
    const Shape shape = shape_of(random, 2, 2);
    const Tensor targets = distribution(shape, random);
    return {[=](VarSpan x) { return Vars{soft_cross_entropy(x[0], targets.to(x[0].dtype()))}; },
            {normal(shape, random)},
            {.reference = [=](const std::vector<Tensor>& x) { return naive_cross_entropy(x[0], targets); }}};
  });
}

BOOST_AUTO_TEST_SUITE_END()
