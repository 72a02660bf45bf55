#include "engine/linalg/symmetric_eig.hpp"

#include <optional>
#include <string>

#include "engine/backend/kernels.hpp"
#include "engine/tensor/errors.hpp"
#include "engine/tensor/finite.hpp"

namespace engine {
namespace {

constexpr std::int64_t kMostRows = 32766;  // LAPACK counts its work space, 1 + 6 N + 2 N², in 32 bits

}  // namespace

SymmetricEig symmetric_eig(const Tensor& a) {
  if (a.shape().rank() != 2 || a.shape()[0] != a.shape()[1] || a.shape()[0] > kMostRows) {
    throw ShapeError("[symmetric_eig] needs a square matrix of an order of at most " + std::to_string(kMostRows) +
                     "; got " + to_string(a.shape()) + ".");
  }
  if (a.dtype() != DType::f64) throw DTypeError("[symmetric_eig] needs f64; got " + describe(a) + ".");
  if (const std::optional<std::string> found = first_non_finite(a))
    throw NonFiniteError("[symmetric_eig] needs finite values; " + describe(a) + " has " + *found + ".");
  Tensor rows = a.clone();
  Tensor values = Tensor::empty({a.shape()[0]}, DType::f64);
  backend::symmetric_eig(rows.writable(), values.writable());
  return {values, rows.permute({1, 0})};
}

}  // namespace engine
