// Eigenpairs against matrices whose eigenvalues are known, and against their definition.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>

#include "engine/linalg/lanczos.hpp"
#include "engine/linalg/symmetric_eig.hpp"
#include "engine/ops/ops.hpp"
#include "engine/tensor/errors.hpp"
#include "tests/support/layouts.hpp"
#include "tests/support/tensors.hpp"

using engine::DType;
using engine::Shape;
using engine::Tensor;
using tests::check_close;

BOOST_AUTO_TEST_SUITE(linalg)

namespace {

Tensor product(const Tensor& a, const Tensor& b) { return engine::matmul(a, b).tensor(); }
Tensor transposed(const Tensor& a) { return a.permute({1, 0}); }

Tensor identity(std::int64_t n) {
  std::vector<double> values;
  for (std::int64_t i = 0; i < n * n; ++i) values.push_back(i % (n + 1) == 0 ? 1.0 : 0.0);
  return Tensor::from<double>(values, {n, n});
}

Tensor diagonal(const Tensor& values) {
  const std::int64_t n = values.numel();
  return engine::mul(identity(n), values.broadcast_to({n, n})).tensor();
}

Tensor random_symmetric(std::int64_t n, engine::Random& random) {
  const Tensor a = tests::random_tensor({n, n}, random);
  return engine::add(a, transposed(a)).tensor();
}

// The path of n vertices: 2 on the diagonal, −1 beside it; its eigenvalues are 2 − 2 cos(π k / (n + 1)), k = 1 .. n.
Tensor path_laplacian(std::int64_t n) {
  std::vector<double> values;
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < n; ++j) values.push_back(i == j ? 2.0 : std::abs(i - j) == 1 ? -1.0 : 0.0);
  }
  return Tensor::from<double>(values, {n, n});
}

double path_eigenvalue(std::int64_t n, std::int64_t k) {
  return 2.0 - 2.0 * std::cos(std::acos(-1.0) * static_cast<double>(k) / static_cast<double>(n + 1));
}

std::function<Tensor(const Tensor&)> map_of(const Tensor& a) {
  return [a](const Tensor& x) { return product(a, x.reshape({x.numel(), 1})).reshape({x.numel()}); };
}

}  // namespace

BOOST_AUTO_TEST_CASE(eigenpairs_of_a_matrix_of_two) {  // [[2, 1], [1, 2]]: 1 along (1, −1), 3 along (1, 1)
  const engine::SymmetricEig eig = engine::symmetric_eig(Tensor::from<double>({2, 1, 1, 2}, {2, 2}));
  check_close(eig.values, Tensor::from<double>({1, 3}, {2}), 1e-15, "eigenvalues");
  const std::vector<double> v = tests::values_of(eig.vectors);
  BOOST_CHECK_CLOSE_FRACTION(v[0] * v[2], -0.5, 1e-14);  // the first column
  BOOST_CHECK_CLOSE_FRACTION(v[1] * v[3], 0.5, 1e-14);
}

BOOST_AUTO_TEST_CASE(eigenvalues_of_a_path_are_cosines) {
  constexpr std::int64_t n = 40;
  const std::vector<double> values = tests::values_of(engine::symmetric_eig(path_laplacian(n)).values);
  for (std::int64_t k = 1; k <= n; ++k)
    BOOST_CHECK_SMALL(values[static_cast<std::size_t>(k - 1)] - path_eigenvalue(n, k), 1e-13);
}

BOOST_AUTO_TEST_CASE(eigenpairs_are_ascending_orthonormal_and_make_the_matrix_again) {
  engine::Random random(5);
  for (const std::int64_t n : {1, 2, 7, 64}) {
    const Tensor a = random_symmetric(n, random);
    const engine::SymmetricEig eig = engine::symmetric_eig(tests::strided(a));
    const std::vector<double> values = tests::values_of(eig.values);
    BOOST_CHECK(std::is_sorted(values.begin(), values.end()));
    check_close(product(transposed(eig.vectors), eig.vectors), identity(n), 1e-13, "orthonormal");
    const Tensor again = product(product(eig.vectors, diagonal(eig.values)), transposed(eig.vectors));
    check_close(again, a, 1e-12, "V diag V^T");
  }
  BOOST_CHECK_EQUAL(engine::symmetric_eig(Tensor::zeros({0, 0}, DType::f64)).values.numel(), 0);
}

BOOST_AUTO_TEST_CASE(only_the_lower_triangle_is_read) {
  const Tensor half = Tensor::from<double>({2, 99, 1, 2}, {2, 2});
  check_close(engine::symmetric_eig(half).values, Tensor::from<double>({1, 3}, {2}), 1e-15, "eigenvalues");
}

BOOST_AUTO_TEST_CASE(matrices_that_have_no_such_eigenpairs_are_refused) {
  BOOST_CHECK_THROW(engine::symmetric_eig(Tensor::zeros({2, 3}, DType::f64)), engine::ShapeError);
  BOOST_CHECK_THROW(engine::symmetric_eig(Tensor::zeros({4}, DType::f64)), engine::ShapeError);
  BOOST_CHECK_THROW(engine::symmetric_eig(Tensor::zeros({2, 2}, DType::f32)), engine::DTypeError);
  const Tensor one = Tensor::full({1, 1}, 1.0, DType::f64);
  BOOST_CHECK_THROW(engine::symmetric_eig(one.broadcast_to({40000, 40000})), engine::ShapeError);
  const double inf = std::numeric_limits<double>::infinity();
  BOOST_CHECK_THROW(engine::symmetric_eig(Tensor::from<double>({1, inf, inf, 1}, {2, 2})), engine::NonFiniteError);
}

BOOST_AUTO_TEST_CASE(lanczos_finds_the_largest_eigenpairs) {
  engine::Random random(6);
  constexpr std::int64_t n = 60;
  const Tensor root = tests::random_tensor({n, n}, random);
  const Tensor a = product(root, transposed(root));
  const engine::SymmetricEig all = engine::symmetric_eig(a);
  const engine::RitzPairs ritz = engine::lanczos(map_of(a), tests::random_tensor({n}, random), n, 5);
  check_close(ritz.values, all.values.slice(0, n - 5, n), 1e-12, "eigenvalues");
  const Tensor overlap = product(transposed(ritz.vectors), all.vectors.slice(1, n - 5, n));
  check_close(engine::mul(overlap, overlap).tensor(), identity(5), 1e-9, "eigenvectors up to their sign");
  check_close(product(transposed(ritz.vectors), ritz.vectors), identity(5), 1e-12, "orthonormal");
}

BOOST_AUTO_TEST_CASE(the_residuals_of_lanczos_are_those_of_its_pairs) {
  engine::Random random(7);
  constexpr std::int64_t n = 50;
  const Tensor a = random_symmetric(n, random);
  const engine::RitzPairs ritz = engine::lanczos(map_of(a), tests::random_tensor({n}, random), 12, 4);
  const Tensor error = engine::sub(product(a, ritz.vectors), product(ritz.vectors, diagonal(ritz.values))).tensor();
  const Tensor squares = engine::sum(engine::mul(error, error), {0}).tensor();
  check_close(engine::sqrt(squares).tensor(), ritz.residuals, 1e-12, "residuals");
  BOOST_CHECK_GT(tests::values_of(ritz.residuals)[0], 1e-6);  // after so few steps
}

BOOST_AUTO_TEST_CASE(lanczos_stops_where_its_space_is_exhausted) {
  constexpr std::int64_t n = 30;
  const Tensor u = Tensor::full({n, 1}, 1.0, DType::f64);
  const Tensor rank_one = product(u, transposed(u));  // λ = n along u, 0 across
  engine::Random random(8);
  const engine::RitzPairs ritz = engine::lanczos(map_of(rank_one), tests::random_tensor({n}, random), n, n);
  BOOST_REQUIRE_LE(ritz.values.numel(), 3);
  BOOST_CHECK_CLOSE_FRACTION(tests::values_of(ritz.values).back(), static_cast<double>(n), 1e-12);
  const engine::RitzPairs zero =
      engine::lanczos(map_of(Tensor::zeros({4, 4}, DType::f64)), Tensor::from<double>({1, 2, 3, 4}, {4}), 4, 4);
  BOOST_REQUIRE_EQUAL(zero.values.numel(), 1);
  BOOST_CHECK_EQUAL(tests::values_of(zero.values)[0], 0.0);
}

BOOST_AUTO_TEST_CASE(lanczos_refuses_what_it_cannot_start_from) {
  const auto a = map_of(identity(3));
  const Tensor start = Tensor::full({3}, 1.0, DType::f64);
  BOOST_CHECK_THROW(engine::lanczos(a, start, 0, 1), std::invalid_argument);
  BOOST_CHECK_THROW(engine::lanczos(a, start, 1, 0), std::invalid_argument);
  BOOST_CHECK_THROW(engine::lanczos(a, Tensor::zeros({3}, DType::f64), 1, 1), std::invalid_argument);
  BOOST_CHECK_THROW(engine::lanczos(a, Tensor::full({3}, 1.0), 1, 1), engine::DTypeError);
  BOOST_CHECK_THROW(engine::lanczos(a, start.reshape({3, 1}), 1, 1), engine::ShapeError);
  const auto shorter = [](const Tensor& x) { return x.slice(0, 0, 2); };
  BOOST_CHECK_THROW(engine::lanczos(shorter, start, 2, 1), engine::ShapeError);
  const auto broken = [](const Tensor& x) { return engine::scale(x, std::nan("")).tensor(); };
  BOOST_CHECK_THROW(engine::lanczos(broken, start, 2, 1), engine::NonFiniteError);
}

BOOST_AUTO_TEST_SUITE_END()
