// Products at extents that take other paths than small ones do.
#include <boost/test/unit_test.hpp>

#include "engine/backend/kernels.hpp"
#include "tests/support/tensors.hpp"

using namespace engine;

BOOST_AUTO_TEST_SUITE(matmul_paths)

// Wide row-major right sides are multiplied in panels of columns; the last one may be narrower.
BOOST_AUTO_TEST_CASE(a_wide_product_keeps_its_epilogue) {
  Random random(13);
  for (const std::int64_t columns : {1536, 3072, 1100}) {
    const Tensor a = tests::random_tensor({31, 40}, random);
    const Tensor whole = tests::random_tensor({40, 3072}, random);
    const Tensor bias = tests::random_tensor({columns}, random);
    const Tensor addend = tests::random_tensor({31, columns}, random);
    const Tensor factor = tests::random_tensor({31, columns}, random);
    const Tensor before = tests::random_tensor({31, columns}, random);
    const auto product = [&](DType dtype, bool accumulate) {
      const auto is = [dtype](const Tensor& x) { return x.to(dtype); };
      const Tensor wide = is(whole).slice(1, 0, columns);  // rows 3072 elements apart
      const Tensor bias_is = is(bias);
      const Tensor addend_is = is(addend);
      const Tensor factor_is = is(factor);
      Tensor out = is(before).clone();
      backend::matmul(is(a), wide, out.writable(),
                      {.bias = &bias_is, .accumulate = accumulate, .addend = &addend_is, .multiply = &factor_is});
      return out;
    };
    for (const bool accumulate : {false, true})
      tests::check_relative(product(DType::f32, accumulate), product(DType::f64, accumulate), 1e-6, "wide");
  }
}

BOOST_AUTO_TEST_SUITE_END()
