// Whole training runs against the same runs in PyTorch, in f64: ordinary fine-tuning, and linearised fine-tuning as the
// paper's code does it, by backpropagation through torch.func.jvp.
#include <boost/test/unit_test.hpp>

#include "engine/ops/ops.hpp"
#include "nn/optim.hpp"
#include "nn/steps.hpp"
#include "tests/support/golden.hpp"
#include "tests/support/tensors.hpp"

using engine::DType;
using engine::Tensor;
using engine::Var;
using tests::check_close;

namespace {

struct Run {
  std::vector<double> losses;
  std::vector<double> norms;
  nn::ParamTree theta;
};

Run train(bool linear, int steps) {
  const nn::NamedTensors reference = tests::golden("linear_run.safetensors");
  const models::Vit vit(tests::golden_config());
  const nn::TangentModel model(vit.model(),
                               nn::get_params(reference, vit.layout(), "linear_run", "theta0.", DType::f64));
  const Tensor head = reference.at("head");
  const nn::Loss loss = [&](const Var& features, const Tensor& labels) {
    return engine::cross_entropy(engine::linear(engine::l2_normalize(features), head), labels);
  };
  engine::ShardPool pool(2);
  const nn::Shards shards{pool, 2};  // 5 images: shards of 2, 2 and 1
  Run run{{}, {}, model.theta0()};
  nn::AdamW optimizer(vit.layout(), {.lr = 1e-2, .weight_decay = 0.1}, DType::f64);
  for (int s = 0; s < steps; ++s) {
    const Tensor images = tests::golden_images(s);
    const Tensor labels = tests::golden_labels(s);
    nn::StepResult result = linear ? nn::tangent_step(model, run.theta, images, labels, loss, shards)
                                   : nn::standard_step(vit.model(), run.theta, images, labels, loss, shards);
    run.losses.push_back(result.loss);
    run.norms.push_back(nn::clip_norm(result.gradient, 1.0));
    optimizer.step(run.theta, result.gradient, nn::cosine_schedule(s, 5, 50));
  }
  return run;
}

void check_run(const Run& run, const std::string& file, const std::string& theta_prefix) {
  const nn::NamedTensors reference = tests::golden(file);
  const std::int64_t steps = static_cast<std::int64_t>(run.losses.size());
  const double tolerance = 1e-10;
  check_close(Tensor::from<double>(run.losses, {steps}), reference.at("losses"), tolerance, file + ": losses");
  check_close(Tensor::from<double>(run.norms, {steps}), reference.at("grad_norms"), tolerance,
              file + ": gradient norms");
  for (const auto& entry : run.theta.layout().entries()) {
    // AdamW divides by √v + 1e-8: where the gradient is zero but for rounding (the keys' bias), rounding is what it
    // amplifies.
    check_close(run.theta[run.theta.layout().find(entry.name)], reference.at(theta_prefix + entry.name), 1e-9,
                file + ": " + entry.name);
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(runs)

BOOST_AUTO_TEST_CASE(fifty_linearised_steps_equal_backpropagation_through_jvp) {
  check_run(train(true, 50), "linear_run.safetensors", "theta50.");
}

BOOST_AUTO_TEST_CASE(twenty_ordinary_steps_equal_pytorch) {
  check_run(train(false, 20), "standard_run.safetensors", "theta20.");
}

BOOST_AUTO_TEST_SUITE_END()
