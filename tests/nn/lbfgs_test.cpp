// L-BFGS against minima known otherwise.
#include "nn/lbfgs.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <functional>
#include <memory>
#include <vector>

#include "engine/tensor/random.hpp"
#include "tests/support/tensors.hpp"

BOOST_AUTO_TEST_SUITE(lbfgs)

namespace {

using engine::DType;
using engine::Tensor;
using Vector = std::vector<double>;

std::shared_ptr<const nn::Layout> layout_of(std::int64_t numel) {
  nn::Layout layout;
  nn::Scope(layout).add("x", {numel}, nn::Init::zeros());
  return std::make_shared<const nn::Layout>(std::move(layout));
}

nn::ParamTree tree(const std::shared_ptr<const nn::Layout>& layout, const Vector& values) {
  return {layout, Tensor::from<double>(values, {layout->numel()})};
}

double inner(const Vector& a, const Vector& b) {
  double total = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) total += a[i] * b[i];
  return total;
}

// A function on vectors given by its value and its gradient, and how often each of the objective's parts was asked for.
class Problem {
 public:
  Problem(std::function<double(const Vector&)> value, std::function<Vector(const Vector&)> gradient,
          const Vector& start)
      : value_(std::move(value)),
        gradient_(std::move(gradient)),
        layout_(layout_of(static_cast<std::int64_t>(start.size()))),
        x_(tree(layout_, start)) {}

  nn::Objective objective() {
    return {.gradient =
                [this] {
                  ++gradients;
                  return tree(layout_, gradient_(x()));
                },
            .along =
                [this](const nn::ParamTree& d) {
                  ++lines;
                  return [this, direction = tests::values_of(d.flat())](double t) -> nn::LinePoint {
                    Vector at = x();
                    for (std::size_t i = 0; i < at.size(); ++i) at[i] += t * direction[i];
                    return {value_(at), inner(gradient_(at), direction)};
                  };
                },
            .move = [this](const nn::ParamTree& d, double t) { x_.axpy(t, d); }};
  }

  // Iterates until the gradient's norm is at most `tolerance`; returns the number of iterations, at most `most`.
  int minimise(double tolerance, int most, std::size_t memory = 10) {
    const nn::Objective f = objective();
    nn::LbfgsState state{f.gradient(), {}};
    double last = value_(x());
    for (int i = 0; i < most; ++i) {
      if (norm(state.gradient) <= tolerance) return i;
      const std::optional<double> value = nn::lbfgs_step(f, state, memory);
      BOOST_REQUIRE(value.has_value());
      BOOST_CHECK_LE(*value, last);  // equal where rounding hides a last step
      BOOST_CHECK_CLOSE_FRACTION(*value, value_(x()), 1e-9);
      BOOST_CHECK_LE(state.pairs.size(), memory);
      last = *value;
    }
    return most;
  }

  Vector x() const { return tests::values_of(x_.flat()); }
  int gradients = 0;
  int lines = 0;

 private:
  std::function<double(const Vector&)> value_;
  std::function<Vector(const Vector&)> gradient_;
  std::shared_ptr<const nn::Layout> layout_;
  nn::ParamTree x_;
};

// ½ Σ a_i (x_i − c_i)²
Problem quadratic(const Vector& a, const Vector& c, const Vector& start) {
  return {[=](const Vector& x) {
            double total = 0.0;
            for (std::size_t i = 0; i < x.size(); ++i) total += 0.5 * a[i] * (x[i] - c[i]) * (x[i] - c[i]);
            return total;
          },
          [=](const Vector& x) {
            Vector g(x.size());
            for (std::size_t i = 0; i < x.size(); ++i) g[i] = a[i] * (x[i] - c[i]);
            return g;
          },
          start};
}

}  // namespace

BOOST_AUTO_TEST_CASE(minimises_a_quadratic_of_condition_one_hundred) {
  const std::size_t n = 60;
  engine::Random random(1);
  Vector a(n);
  Vector c(n);
  for (std::size_t i = 0; i < n; ++i) {
    a[i] = std::pow(10.0, -2.0 * static_cast<double>(i) / static_cast<double>(n - 1));
    c[i] = random.normal();
  }
  Problem problem = quadratic(a, c, Vector(n, 0.0));
  // Each iteration takes off about 2/√100 of the error, as with conjugate gradients: ln(1e-10)/ln(0.8) is 103.
  const int iterations = problem.minimise(1e-10, 200);
  BOOST_CHECK_LT(iterations, 200);
  const Vector x = problem.x();
  for (std::size_t i = 0; i < n; ++i) BOOST_CHECK_SMALL(x[i] - c[i], 1e-8);  // 1e-10 / the least curvature
  BOOST_CHECK_EQUAL(problem.lines, iterations);  // one line and one gradient an iteration, whatever the search does
  BOOST_CHECK_EQUAL(problem.gradients, iterations + 1);
}

BOOST_AUTO_TEST_CASE(with_exact_pairs_the_recursion_inverts_the_hessian) {
  // BFGS with exact line searches has H = A⁻¹ after n steps on a quadratic; pairs along the axes need no search at all.
  const Vector a{0.5, 2.0, 10.0};
  const auto layout = layout_of(3);
  std::vector<nn::LbfgsState::Pair> pairs;
  for (std::size_t i = 0; i < 3; ++i) {
    Vector s(3, 0.0);
    Vector y(3, 0.0);
    s[i] = 0.7;
    y[i] = 0.7 * a[i];
    pairs.push_back({tree(layout, s), tree(layout, y)});
  }
  const Vector q{1.0, -3.0, 4.0};
  const Vector h_q = tests::values_of(nn::inverse_hessian_times(pairs, tree(layout, q)).flat());
  for (std::size_t i = 0; i < 3; ++i) BOOST_CHECK_CLOSE_FRACTION(h_q[i], q[i] / a[i], 1e-12);
  const Vector plain = tests::values_of(nn::inverse_hessian_times({}, tree(layout, q)).flat());
  BOOST_CHECK(plain == q);
}

BOOST_AUTO_TEST_CASE(finds_the_optimum_of_a_logistic_regression) {
  // Σ log(1 + exp(−y wᵀx)) / n + λ/2 ‖w‖². Newton's method, whose matrix is 2x2 here, is the oracle.
  const std::size_t n = 40;
  const double lambda = 0.01;
  engine::Random random(2);
  std::vector<Vector> x;
  Vector y;
  for (std::size_t i = 0; i < n; ++i) {
    x.push_back({random.normal(), 5.0 * random.normal()});
    y.push_back(x[i][0] - 0.3 * x[i][1] + random.normal() > 0.0 ? 1.0 : -1.0);
  }
  const auto sigmoid = [](double z) { return 1.0 / (1.0 + std::exp(-z)); };
  const auto value = [=](const Vector& w) {
    double total = 0.0;
    for (std::size_t i = 0; i < n; ++i) total += std::log1p(std::exp(-y[i] * inner(w, x[i]))) / static_cast<double>(n);
    return total + 0.5 * lambda * inner(w, w);
  };
  const auto gradient = [=](const Vector& w) {
    Vector g{lambda * w[0], lambda * w[1]};
    for (std::size_t i = 0; i < n; ++i) {
      const double factor = -y[i] * sigmoid(-y[i] * inner(w, x[i])) / static_cast<double>(n);
      for (std::size_t k = 0; k < 2; ++k) g[k] += factor * x[i][k];
    }
    return g;
  };
  Vector newton{0.0, 0.0};
  for (int iteration = 0; iteration < 30; ++iteration) {
    const Vector g = gradient(newton);
    double h00 = lambda;
    double h01 = 0.0;
    double h11 = lambda;
    for (std::size_t i = 0; i < n; ++i) {
      const double p = sigmoid(inner(newton, x[i]));
      const double weight = p * (1.0 - p) / static_cast<double>(n);
      h00 += weight * x[i][0] * x[i][0];
      h01 += weight * x[i][0] * x[i][1];
      h11 += weight * x[i][1] * x[i][1];
    }
    const double determinant = h00 * h11 - h01 * h01;
    newton[0] -= (h11 * g[0] - h01 * g[1]) / determinant;
    newton[1] -= (h00 * g[1] - h01 * g[0]) / determinant;
  }
  BOOST_REQUIRE_SMALL(std::hypot(gradient(newton)[0], gradient(newton)[1]), 1e-13);

  Problem problem(value, gradient, {0.0, 0.0});
  BOOST_CHECK_LT(problem.minimise(1e-10, 50), 50);
  for (std::size_t k = 0; k < 2; ++k) BOOST_CHECK_SMALL(problem.x()[k] - newton[k], 1e-8);  // 1e-10 / λ
}

BOOST_AUTO_TEST_CASE(goes_through_the_valley_of_rosenbrock) {
  // Not convex: (1 − u)² + 100 (v − u²)², least at (1, 1).
  Problem problem([](const Vector& x) { return std::pow(1 - x[0], 2) + 100 * std::pow(x[1] - x[0] * x[0], 2); },
                  [](const Vector& x) {
                    const double valley = x[1] - x[0] * x[0];
                    return Vector{-2 * (1 - x[0]) - 400 * x[0] * valley, 200 * valley};
                  },
                  {-1.2, 1.0});
  BOOST_CHECK_LT(problem.minimise(1e-9, 100), 100);
  BOOST_CHECK_SMALL(problem.x()[0] - 1.0, 1e-8);
  BOOST_CHECK_SMALL(problem.x()[1] - 1.0, 1e-8);
}

BOOST_AUTO_TEST_CASE(stops_where_rounding_hides_every_descent) {
  Problem problem = quadratic({1.0, 3.0}, {2.0, -1.0}, {0.0, 0.0});
  const nn::Objective f = problem.objective();
  nn::LbfgsState state{f.gradient(), {}};
  int iterations = 0;
  while (nn::lbfgs_step(f, state).has_value()) BOOST_REQUIRE_LT(++iterations, 100);
  BOOST_CHECK_SMALL(problem.x()[0] - 2.0, 1e-7);
  BOOST_CHECK_SMALL(problem.x()[1] + 1.0, 1e-7);
}

BOOST_AUTO_TEST_CASE(a_step_meets_both_wolfe_conditions_wherever_the_search_begins) {
  const nn::WolfeConditions conditions{1e-4, 0.1};
  const std::vector<nn::Line> lines{
      [](double t) -> nn::LinePoint {
        return {(t - 3) * (t - 3), 2 * (t - 3)};
      },
      [](double t) -> nn::LinePoint {
        return {std::cosh(t - 2), std::sinh(t - 2)};
      },
      // [Moré & Thuente 1994, equation 5.1] and a line with hills of its own.
      [](double t) -> nn::LinePoint {
        return {-t / (t * t + 2), (t * t - 2) / ((t * t + 2) * (t * t + 2))};
      },
      [](double t) -> nn::LinePoint {
        return {-t - 0.4 * std::sin(6 * t) + 0.1 * t * t, -1 - 2.4 * std::cos(6 * t) + 0.2 * t};
      }};
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const nn::LinePoint start = lines[i](0.0);
    for (const double first : {1e-3, 0.1, 1.0, 10.0, 1e3}) {
      const std::optional<double> t = nn::wolfe_step(lines[i], first, conditions);
      BOOST_REQUIRE_MESSAGE(t.has_value(), "line " << i << " from " << first);
      const nn::LinePoint at = lines[i](*t);
      BOOST_CHECK_MESSAGE(at.value <= start.value + conditions.c1 * *t * start.slope,
                          "line " << i << " from " << first);
      BOOST_CHECK_MESSAGE(std::abs(at.slope) <= -conditions.c2 * start.slope, "line " << i << " from " << first);
    }
  }
  BOOST_CHECK_THROW(nn::wolfe_step([](double t) -> nn::LinePoint { return {t, 1.0}; }, 1.0), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(a_step_is_found_where_the_function_overflows) {
  // exp(t²) − t is not finite from t = 27 on.
  const nn::Line line = [](double t) -> nn::LinePoint { return {std::exp(t * t) - t, 2 * t * std::exp(t * t) - 1}; };
  const std::optional<double> t = nn::wolfe_step(line, 100.0);
  BOOST_REQUIRE(t.has_value());
  BOOST_CHECK_LT(std::abs(line(*t).slope), 0.1);
}

BOOST_AUTO_TEST_SUITE_END()
