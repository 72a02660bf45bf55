// The ViT against PyTorch (f64): its output, J τ and Jᵀ u for every parameter, and a second variant.
#include "models/vit.hpp"

#include <boost/test/unit_test.hpp>

#include "engine/tensor/errors.hpp"
#include "tests/support/golden.hpp"
#include "tests/support/tensors.hpp"

using engine::DType;
using engine::Tensor;
using tests::check_close;

BOOST_AUTO_TEST_SUITE(vit)

BOOST_AUTO_TEST_CASE(output_and_both_products_equal_pytorch) {
  const nn::NamedTensors reference = tests::golden("vit_reference.safetensors");
  const models::Vit vit(tests::golden_config());
  const auto tree = [&](const std::string& prefix) {
    return nn::get_params(reference, vit.layout(), "vit_reference", prefix, DType::f64);
  };
  const nn::TangentModel model(vit.model(), tree("theta0."));
  const Tensor images = reference.at("input.images");
  check_close(images, tests::golden_images(0), 1e-14, "the images' formula");

  const nn::TangentRecording recording = model.record(images);
  const double tolerance = 1e-12;  // two orders of summation in f64
  check_close(recording.primal(), reference.at("output"), tolerance, "output");
  check_close(recording.push(tree("tau.")), reference.at("jvp"), tolerance, "J tau");
  const nn::ParamTree gradient = recording.pull(reference.at("u"));
  for (const auto& entry : vit.layout()->entries()) {
    check_close(gradient[vit.layout()->find(entry.name)], reference.at("vjp." + entry.name), tolerance,
                "pull of u, " + entry.name);
  }
  const std::vector<nn::ParamTree> directions{tree("tau.")};
  const nn::StreamOutput streamed = model.stream(images, directions);
  tests::check_same_bits(streamed.primal, recording.primal(), "streamed output");
  tests::check_same_bits(streamed.tangents[0], recording.push(directions[0]), "streamed J tau");
}

BOOST_AUTO_TEST_CASE(the_variant_without_ln_pre_and_projection_equals_pytorch) {
  const nn::NamedTensors reference = tests::golden("vit_reference.safetensors");
  models::VitConfig config = tests::golden_config();
  config.ln_pre = false;
  config.embedding = 0;
  config.activation = engine::Activation::gelu;
  const models::Vit vit(config);
  const nn::ParamTree theta0 = nn::get_params(reference, vit.layout(), "vit_reference", "variant.theta0.", DType::f64);
  check_close(vit(nn::Params(theta0), reference.at("input.images")).tensor(), reference.at("variant.output"), 1e-12,
              "variant output");
}

BOOST_AUTO_TEST_CASE(f32_follows_f64) {
  const nn::NamedTensors reference = tests::golden("vit_reference.safetensors");
  const models::Vit vit(tests::golden_config());
  const nn::ParamTree theta0 =
      nn::get_params(reference, vit.layout(), "vit_reference", "theta0.", DType::f64).to(DType::f32);
  const nn::ParamTree tau = nn::get_params(reference, vit.layout(), "vit_reference", "tau.", DType::f64).to(DType::f32);
  const nn::TangentRecording recording = nn::record(vit.model(), theta0, reference.at("input.images").to(DType::f32));
  check_close(recording.primal(), reference.at("output"), 1e-4, "f32 output");
  check_close(recording.push(tau), reference.at("jvp"), 1e-4, "f32 J tau");
}

BOOST_AUTO_TEST_CASE(configurations_that_do_not_fit_are_named) {
  const auto says = [](const std::string& part) {
    return [part](const std::exception& error) { return std::string(error.what()).find(part) != std::string::npos; };
  };
  models::VitConfig config = tests::golden_config();
  config.patch = 3;
  BOOST_CHECK_EXCEPTION(models::Vit{config}, std::invalid_argument, says("multiple of the patch; got 8 and 3"));
  config = tests::golden_config();
  config.heads = 3;
  BOOST_CHECK_EXCEPTION(models::Vit{config}, std::invalid_argument, says("multiple of the heads; got 8 and 3"));
  const models::Vit vit(tests::golden_config());
  const nn::ParamTree theta(vit.layout(), DType::f64);
  BOOST_CHECK_EXCEPTION(vit(nn::Params(theta), Tensor::zeros({1, 3, 8, 4}, DType::f64)), engine::ShapeError,
                        says("needs images [B, 3, 8, 8]; got [1, 3, 8, 4]"));
}

BOOST_AUTO_TEST_SUITE_END()
