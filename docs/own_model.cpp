// A model of one's own, with an op that the engine does not have, fine-tuned in weight space and in tangent space.
#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "engine/autodiff/combinators.hpp"
#include "engine/ops/ops.hpp"
#include "engine/parallel/shards.hpp"
#include "engine/tensor/tensor.hpp"
#include "nn/modules.hpp"
#include "nn/optim.hpp"
#include "nn/steps.hpp"
#include "nn/tangent_model.hpp"

using engine::Tensor;
using engine::Var;

Tensor map(const Tensor& x, float (*g)(float)) {
  const Tensor in = x.contiguous();
  Tensor out = Tensor::empty(in.shape());
  float* const y = out.writable().data<float>();
  for (std::int64_t i = 0; i < in.numel(); ++i) y[i] = g(in.data<float>()[i]);
  return out;
}

// y = max(x, 0). Elementwise, so push and pull follow from the derivative. That is piecewise constant, so a plain tensor does;
// of a curved function it would be made of ops, as in engine/ops/functions.cpp, to be differentiated again.
Var relu(const Var& x) {
  static const engine::Op op = engine::diagonal_op(
      "relu", [](std::span<const Tensor> in) { return map(in[0], [](float v) { return v > 0.0F ? v : 0.0F; }); },
      [](const Var& in, const Var&) -> Var {
        return map(in.tensor(), [](float v) { return v > 0.0F ? 1.0F : 0.0F; });
      });
  return engine::call(op, {x});
}

double accuracy(const Tensor& logits, const Tensor& labels) {  // [B, 2], [B]
  const Tensor z = logits.contiguous();
  std::int64_t right = 0;
  for (std::int64_t i = 0; i < labels.numel(); ++i) {
    const float* const row = z.data<float>() + 2 * i;
    right += (row[1] > row[0]) == (labels.data<std::int64_t>()[i] == 1) ? 1 : 0;
  }
  return static_cast<double>(right) / static_cast<double>(labels.numel());
}

int main() {
  nn::Layout names;  // modules register their parameters here, once
  const nn::Scope scope(names);
  const nn::Linear hidden(scope.child("hidden"), 2, 64, nn::Init::normal(1.0));
  const nn::Linear out(scope.child("out"), 64, 2, nn::Init::normal(0.1));
  const auto layout = std::make_shared<const nn::Layout>(std::move(names));
  const nn::Model f = [&](const nn::Params& p, const Var& x) { return out(p, relu(hidden(p, x))); };
  const nn::Loss loss = [](const Var& logits, const Tensor& labels) { return engine::cross_entropy(logits, labels); };

  std::vector<float> points;  // a checkerboard of four fields
  std::vector<std::int64_t> fields;
  for (int i = 0; i < 256; ++i) {
    points.push_back(static_cast<float>(i % 16) / 7.5F - 1.0F);
    points.push_back(static_cast<float>(i / 16) / 7.5F - 1.0F);
    fields.push_back((i % 16 < 8) == (i / 16 < 8) ? 1 : 0);
  }
  const Tensor x = Tensor::from<float>(points, {256, 2});
  const Tensor labels = Tensor::from<std::int64_t>(fields, {256});

  engine::ShardPool pool(engine::hardware_threads());
  const nn::Shards shards{pool, 64};  // 64 examples to a thread at a time: decides the last bits, the threads do not
  const nn::TangentModel tangent_model(f, nn::initial_params(layout, 1));
  double linear_accuracy = 0.0;
  for (const bool linear : {false, true}) {
    nn::ParamTree theta = tangent_model.theta0();
    nn::AdamW optimizer(layout, {.lr = 0.01, .weight_decay = 0.0});
    double last = 0.0;
    for (int step = 0; step < 200; ++step) {
      const nn::StepResult result = linear ? nn::tangent_step(tangent_model, theta, x, labels, loss, shards)
                                           : nn::standard_step(f, theta, x, labels, loss, shards);
      optimizer.step(theta, result.gradient, pool);
      last = result.loss;
    }
    const nn::ParamTree tau = theta - tangent_model.theta0();
    const nn::StreamOutput at_tau = tangent_model.stream(x, std::vector{tau});  // f(x; θ0) and J τ
    const Tensor tangent = engine::add(at_tau.primal, at_tau.tangents[0]).tensor();
    linear_accuracy = accuracy(tangent, labels);
    std::printf("%-8s loss %.3f, |tau| %.2f; accuracy: network %.3f, tangent model %.3f\n",
                linear ? "linear" : "standard", last, nn::norm(tau), accuracy(f(nn::Params(theta), x).tensor(), labels),
                linear_accuracy);
  }
  return linear_accuracy > 0.9 ? 0 : 1;
}
