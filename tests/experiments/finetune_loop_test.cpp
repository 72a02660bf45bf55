// `finetune` against the reference code's training loop in PyTorch (tests/golden/make_finetune_loop.py): the same model,
// images, order and hyper-parameters, 200 steps in either mode. It is the loop that is tested, order of epochs, smaller
// last batch, schedule, clipping, decay and scaled head; steps by themselves are in tests/models/runs_test.cpp.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <nlohmann/json.hpp>

#include "experiments/common/finetuning.hpp"
#include "tests/support/golden.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/support/tensors.hpp"

using namespace experiments;
using engine::Tensor;

BOOST_AUTO_TEST_SUITE(finetune_loop)

namespace {

// The images of make_finetune_loop.py.
class Waves final : public datasets::Dataset {
 public:
  std::int64_t size() const override { return 80; }
  std::int64_t image_size() const override { return 8; }
  std::span<const std::string> class_names() const override { return names_; }
  std::int64_t label(std::int64_t index) const override { return index % 4; }
  void read_image(std::int64_t index, std::span<float> chw) const override {
    const double i = static_cast<double>(index);
    const double y = static_cast<double>(label(index));
    for (std::size_t at = 0; at < chw.size(); ++at) {
      const double j = static_cast<double>(at);
      chw[at] = static_cast<float>(0.5 + 0.2 * std::sin(0.37 * j * (1.0 + 0.1 * y) + 0.05 * i) +
                                   0.2 * std::sin(1.7 * i + 0.9 * j));
    }
  }

 private:
  std::vector<std::string> names_{"a", "b", "c", "d"};
};

Recipe reference_recipe() {
  Recipe recipe;
  recipe.vit = tests::golden_config();
  recipe.finetune = {.train_images = 80, .steps = 200, .batch = 24, .lr = 5e-3, .warmup_share = 0.1};
  recipe.shard_size = 5;
  return recipe;
}

}  // namespace

BOOST_AUTO_TEST_CASE(two_hundred_steps_follow_the_reference_code) {
  const nn::NamedTensors reference = tests::golden("finetune_loop.safetensors");
  const models::Vit vit(tests::golden_config());
  const nn::ParamTree theta0 = nn::get_params(tests::golden("linear_run.safetensors"), vit.layout(), "linear_run",
                                              "theta0.", engine::DType::f64);
  const Pretrained pretrained{vit, theta0.to(engine::DType::f32), std::log(10.0),
                              experiments::word_vectors(vit.features())};
  const TaskData task{"waves",
                      "",
                      {"plain shape",
                       {"one", "two", "three", "four"},
                       {"north", "east", "south", "west"},
                       {"a photo of a {class} shape", "the {class}"}},
                      std::make_shared<const Waves>(),
                      nullptr,
                      nullptr};
  engine::ShardPool pool(2);
  const Context context{reference_recipe(), 3, pool};
  const tests::TemporaryDirectory folder;
  for (const Mode mode : {Mode::standard, Mode::linear}) {
    const std::string name(to_string(mode));
    const RunFolder run(folder.path() / name);
    const Json results = finetune(context, pretrained, task, mode, run);
    const std::vector<double> losses = results.at("losses").get<std::vector<double>>();
    BOOST_REQUIRE_EQUAL(losses.size(), 200u);
    // In f32 against f64; the issue asks for 1e-3, and a loop that differs in one ingredient is 1e-2 away at least.
    tests::check_close(Tensor::from<double>(losses, {200}), reference.at(name + ".losses"), 1e-4, name + " losses");
    const std::filesystem::path file = run / "finetuned.safetensors";
    const nn::ParamTree theta = nn::get_params(nn::read_safetensors(file).tensors, vit.layout(), file, "visual.");
    for (const auto& entry : theta.layout().entries()) {
      if (entry.name.ends_with("attn.in_proj_bias")) continue;  // the keys' bias moves by rounding alone
      tests::check_relative(theta[theta.layout().find(entry.name)], reference.at(name + ".theta." + entry.name), 1e-3,
                            name + " " + entry.name);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
