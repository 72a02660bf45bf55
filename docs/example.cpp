// A function, linearised: f(x) recorded once, then J·v and Jᵀ·u as often as wanted.
#include <cstdio>

#include "engine/autodiff/transforms.hpp"
#include "engine/ops/ops.hpp"

using namespace engine;

int main() {
  const Function f = [](VarSpan x) { return Vars{softmax(linear(x[0], x[1]))}; };  // inputs [2, 3], weights [4, 3]
  const Tensor inputs = Tensor::from<float>({1, 2, 3, 4, 5, 6}, {2, 3});
  const Tensor weights = Tensor::full({4, 3}, 0.1);
  const Tensor v = Tensor::from<float>({1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0}, {4, 3});

  const Linearization record = linearize(f, Vars{inputs, weights});
  const Tangents j_v = record.push(Tangents{std::nullopt, v});              // J·v along the weights; [2, 4]
  const Tangents jt_u = record.pull(Tangents{j_v[0].value()});              // Jᵀ·u for u = J·v; one per input of f
  const double norm = dot(j_v[0].value(), j_v[0].value()).tensor().item();  // ⟨J v, J v⟩
  const double again = dot(jt_u[1].value(), v).tensor().item();             // = ⟨Jᵀ J v, v⟩
  std::printf("%s|Jv|^2 = %.6f = %.6f\n", record.to_string().c_str(), norm, again);
  return norm > 0 && norm - again < 1e-6 && again - norm < 1e-6 ? 0 : 1;
}
