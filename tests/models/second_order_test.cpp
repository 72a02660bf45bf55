// Second derivatives of a whole ViT with cross-entropy on top, its parameters as the inputs, and of cross-entropy
// alone: H v against differences of gradients, and the same from three nestings of the transforms. f64.
#include <boost/test/unit_test.hpp>

#include "engine/autodiff/transforms.hpp"
#include "engine/ops/ops.hpp"
#include "models/vit.hpp"
#include "tests/support/tensors.hpp"

using namespace engine;
using tests::check_close;

BOOST_AUTO_TEST_SUITE(second_order)

namespace {

using Loss = std::function<Var(VarSpan)>;

Tangents directions(VarSpan x, std::uint64_t seed) {
  Random random(seed);
  Tangents v;
  for (const Var& input : x) v.emplace_back(tests::random_tensor(input.shape(), random, 0.3));
  return v;
}

// A function of no use for an input has no tangent there.
Tensor or_zeros(const Tangent& tangent, const Var& like) {
  return tangent.has_value() ? tangent->tensor() : Tensor::zeros(like.shape(), like.dtype());
}

void check_hessian(const Loss& loss, const Vars& x) {
  const Function f = [&](VarSpan at) { return Vars{loss(at)}; };
  const Tangents v = directions(x, 21);
  const Tangents w = directions(x, 22);

  const Tangents forward_over_reverse = hvp(f, x, v);
  const Function slope = [&](VarSpan at) {  // ⟨∇f, v⟩, forwards
    return Vars{jvp(f, at, std::vector<Tangents>{v})[0].tangents[0].value()};
  };
  const Vars reverse_over_forward = grad(slope)(x);
  const Function inner_product = [&](VarSpan at) {  // ⟨∇f, v⟩, backwards
    const Vars gradient = grad(f)(at);
    Var sum = dot(gradient[0], *v[0]);
    for (std::size_t i = 1; i < gradient.size(); ++i) sum = add(sum, dot(gradient[i], *v[i]));
    return Vars{sum};
  };
  const Vars reverse_over_reverse = grad(inner_product)(x);

  const auto gradient_at = [&](double h) {
    Vars moved;
    for (std::size_t i = 0; i < x.size(); ++i) moved.push_back(add(x[i], scale(*v[i], h)));
    return grad(f)(moved);
  };
  const double h = 1e-5;  // truncation h², rounding 1e-16/h
  const Vars ahead = gradient_at(h);
  const Vars behind = gradient_at(-h);
  double largest = 0.0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::string input = "input " + std::to_string(i) + " " + to_string(x[i].shape());
    const Tensor h_v = or_zeros(forward_over_reverse[i], x[i]);
    check_close(h_v, scale(sub(ahead[i], behind[i]), 0.5 / h).tensor(), 1e-7, "H v against differences, " + input);
    check_close(reverse_over_forward[i].tensor(), h_v, 1e-12, "reverse over forward, " + input);
    check_close(reverse_over_reverse[i].tensor(), h_v, 1e-12, "reverse over reverse, " + input);
    for (const double value : tests::values_of(h_v)) largest = std::max(largest, std::abs(value));
  }
  BOOST_CHECK_GT(largest, 1e-3);  // it is not zeros that agree
  const double left = tests::inner(forward_over_reverse, w);
  const double right = tests::inner(hvp(f, x, w), v);
  BOOST_CHECK_SMALL((left - right) / (1.0 + std::abs(left)), 1e-12);  // ⟨H v, w⟩ = ⟨H w, v⟩
}

}  // namespace

BOOST_AUTO_TEST_CASE(of_a_whole_vit_with_cross_entropy) {
  for (const Activation activation : {Activation::quick_gelu, Activation::gelu}) {
    const models::Vit vit({.image_size = 8,
                           .patch = 4,
                           .width = 6,
                           .depth = 2,
                           .heads = 2,
                           .mlp_ratio = 2.0,
                           .activation = activation,
                           .embedding = 5});
    Random random(20);
    const Tensor images = tests::random_tensor({3, 3, 8, 8}, random);
    const Tensor head = tests::random_tensor({4, vit.features()}, random, 2.0);
    const Tensor labels = Tensor::from<std::int64_t>({2, 0, 3}, {3});
    const Loss loss = [&](VarSpan theta) {
      return cross_entropy(linear(l2_normalize(vit(nn::Params(theta), images)), head), labels);
    };
    const std::vector<Tensor> theta = nn::initial_params(vit.layout(), 19, DType::f64).tensors();
    check_hessian(loss, {theta.begin(), theta.end()});
  }
}

BOOST_AUTO_TEST_CASE(of_cross_entropy) {
  Random random(23);
  const Tensor logits = tests::random_tensor({3, 5}, random);
  const Tensor targets = softmax(tests::random_tensor({3, 5}, random)).tensor();
  const Tensor labels = Tensor::from<std::int64_t>({4, 0, 1}, {3});
  check_hessian([&](VarSpan x) { return cross_entropy(x[0], labels); }, {logits});
  check_hessian([&](VarSpan x) { return soft_cross_entropy(x[0], targets); }, {logits});
  // Two classes, logits (z, 0): L = log(1 + e^-z), so L'' at 0 is 1/4.
  const Function two = [](VarSpan x) { return Vars{cross_entropy(x[0], Tensor::from<std::int64_t>({0}, {1}))}; };
  const Tangents h_v =
      hvp(two, Vars{Tensor::zeros({1, 2}, DType::f64)}, Tangents{Tensor::from<double>({1, 0}, {1, 2})});
  check_close(h_v[0].value().tensor(), Tensor::from<double>({0.25, -0.25}, {1, 2}), 1e-15, "H of two classes");
}

BOOST_AUTO_TEST_SUITE_END()
