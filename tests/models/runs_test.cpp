// Gradients of a loss and whole training runs against the same in PyTorch, in f64 to 1e-10 and in f32 to 1e-4 of each
// tensor's largest value: ordinary fine-tuning, and linearised fine-tuning as the paper's code does it, by
// backpropagation through torch.func.jvp.
#include <array>
#include <boost/test/unit_test.hpp>

#include "engine/ops/ops.hpp"
#include "nn/optim.hpp"
#include "nn/steps.hpp"
#include "tests/support/golden.hpp"
#include "tests/support/tensors.hpp"

using engine::DType;
using engine::Tensor;
using engine::Var;

BOOST_AUTO_TEST_SUITE(runs)

namespace {

struct Run {
  std::vector<double> losses;
  std::vector<double> norms;
  nn::ParamTree theta;
};

// What the runs start from, in either element type.
struct Setup {
  explicit Setup(DType type)
      : dtype(type),
        model(vit.model(), nn::get_params(reference, vit.layout(), "linear_run", "theta0.", DType::f64).to(type)),
        loss([head = reference.at("head").to(type)](const Var& features, const Tensor& labels) {
          return engine::cross_entropy(engine::linear(engine::l2_normalize(features), head), labels);
        }) {}

  nn::StepResult step(bool linear, const nn::ParamTree& theta, int s) {
    const nn::Shards shards{pool, 2};  // 5 images: shards of 2, 2 and 1
    const Tensor images = tests::golden_images(s).to(dtype);
    const Tensor labels = tests::golden_labels(s);
    return linear ? nn::tangent_step(model, theta, images, labels, loss, shards)
                  : nn::standard_step(vit.model(), theta, images, labels, loss, shards);
  }

  DType dtype;
  nn::NamedTensors reference = tests::golden("linear_run.safetensors");
  models::Vit vit{tests::golden_config()};
  nn::TangentModel model;
  nn::Loss loss;
  engine::ShardPool pool{2};
};

Run train(bool linear, int steps, DType dtype) {
  Setup setup(dtype);
  Run run{{}, {}, setup.model.theta0()};
  nn::AdamW optimizer(setup.vit.layout(), {.lr = 1e-2, .weight_decay = 0.1}, dtype);
  for (int s = 0; s < steps; ++s) {
    nn::StepResult result = setup.step(linear, run.theta, s);
    run.losses.push_back(result.loss);
    const nn::Clip clip = nn::clip_norm(result.gradient, 1.0, setup.pool);
    run.norms.push_back(clip.norm);
    optimizer.step(run.theta, result.gradient, setup.pool, nn::cosine_schedule(s, 5, 50), clip.factor);
  }
  return run;
}

double tolerance_of(DType dtype) { return dtype == DType::f64 ? 1e-10 : 1e-4; }

void check_tree(const nn::ParamTree& tree, const nn::NamedTensors& reference, const std::string& prefix) {
  for (const auto& entry : tree.layout().entries()) {
    Tensor got = tree[tree.layout().find(entry.name)];
    Tensor expected = reference.at(prefix + entry.name);
    if (entry.name.ends_with("attn.in_proj_bias")) {
      // Softmax ignores the keys' bias: its gradient is rounding alone, which AdamW divides by its own size.
      const std::int64_t w = entry.shape[0] / 3;
      const auto without_keys = [w](const Tensor& bias) {
        return engine::concat(engine::Vars{bias.slice(0, 0, w), bias.slice(0, 2 * w, 3 * w)}, 0).tensor();
      };
      got = without_keys(got);
      expected = without_keys(expected);
    }
    tests::check_relative(got, expected, tolerance_of(tree.dtype()), prefix + entry.name);
  }
}

void check_run(const Run& run, const std::string& file, const std::string& theta_prefix) {
  const nn::NamedTensors reference = tests::golden(file);
  const std::int64_t steps = static_cast<std::int64_t>(run.losses.size());
  const double tolerance = tolerance_of(run.theta.dtype());
  tests::check_relative(Tensor::from<double>(run.losses, {steps}), reference.at("losses"), tolerance,
                        file + ": losses");
  tests::check_relative(Tensor::from<double>(run.norms, {steps}), reference.at("grad_norms"), tolerance,
                        file + ": gradient norms");
  check_tree(run.theta, reference, theta_prefix);
}

constexpr std::array<DType, 2> kTypes{DType::f64, DType::f32};

}  // namespace

BOOST_AUTO_TEST_CASE(losses_and_gradients_of_all_parameters_equal_pytorch) {
  const nn::NamedTensors vit_reference = tests::golden("vit_reference.safetensors");
  const nn::NamedTensors reference = tests::golden("loss_gradients.safetensors");
  for (const DType dtype : kTypes) {
    Setup setup(dtype);
    const nn::ParamTree tau = nn::get_params(vit_reference, setup.vit.layout(), "vit_reference", "tau.", DType::f64);
    const nn::ParamTree theta = setup.model.theta0() + 0.1 * tau.to(dtype);
    for (const bool linear : {false, true}) {
      const std::string name = linear ? "linear" : "standard";
      const nn::StepResult result = setup.step(linear, theta, 0);
      tests::check_relative(Tensor::full({}, result.loss, DType::f64), reference.at(name + ".loss"),
                            tolerance_of(dtype), name + ".loss");
      check_tree(result.gradient, reference, name + ".grad.");
    }
  }
}

BOOST_AUTO_TEST_CASE(fifty_linearised_steps_equal_backpropagation_through_jvp) {
  for (const DType dtype : kTypes) check_run(train(true, 50, dtype), "linear_run.safetensors", "theta50.");
}

BOOST_AUTO_TEST_CASE(twenty_ordinary_steps_equal_pytorch) {
  for (const DType dtype : kTypes) check_run(train(false, 20, dtype), "standard_run.safetensors", "theta20.");
}

BOOST_AUTO_TEST_SUITE_END()
