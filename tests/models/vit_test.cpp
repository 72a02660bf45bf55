// The ViT against PyTorch: its output, J τ and Jᵀ u for every parameter, and a second variant; streaming against
// recording; configurations that make no sense.
#include "models/vit.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <functional>

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
  check_close(reference.at("input.images"), tests::golden_images(0), 1e-14, "the images' formula");
  // Two orders of summation, in f64 and in f32.
  for (const auto& [dtype, tolerance] :
       std::vector<std::pair<DType, double>>{{DType::f64, 1e-12}, {DType::f32, 1e-5}}) {
    const auto tree = [&](const std::string& prefix) {
      return nn::get_params(reference, vit.layout(), "vit_reference", prefix, DType::f64).to(dtype);
    };
    const nn::TangentRecording recording =
        nn::record(vit.model(), tree("theta0."), reference.at("input.images").to(dtype));
    const std::string type(to_string(dtype));
    check_close(recording.primal(), reference.at("output"), tolerance, type + " output");
    check_close(recording.push(tree("tau.")), reference.at("jvp"), tolerance, type + " J tau");
    const nn::ParamTree gradient = recording.pull(reference.at("u").to(dtype));
    for (const auto& entry : vit.layout()->entries()) {
      check_close(gradient[vit.layout()->find(entry.name)], reference.at("vjp." + entry.name), tolerance,
                  type + " pull of u, " + entry.name);
    }
  }
}

BOOST_AUTO_TEST_CASE(streaming_and_recording_give_the_same_bits) {
  // 17 tokens and heads of 11: no extent fills a vector. The second network has neither ln_pre nor a projection.
  const models::VitConfig plain{.image_size = 20, .patch = 5, .width = 33, .depth = 2, .heads = 3, .embedding = 31};
  models::VitConfig variant = plain;
  variant.activation = engine::Activation::gelu;
  variant.ln_pre = false;
  variant.embedding = 0;
  for (const models::VitConfig& config : {plain, variant}) {
    for (const DType dtype : {DType::f32, DType::f64}) {
      const models::Vit vit(config);
      const nn::TangentModel model(vit.model(), nn::initial_params(vit.layout(), 1, dtype));
      engine::Random random(2);
      const Tensor images = tests::random_tensor({3, 3, 20, 20}, random, 1.0, dtype);
      std::vector<nn::ParamTree> directions;
      for (std::uint64_t seed = 3; seed < 7; ++seed)
        directions.push_back(nn::initial_params(vit.layout(), seed, dtype));
      const nn::TangentRecording recording = model.record(images);
      const nn::StreamOutput streamed = model.stream(images, directions);
      const std::string type(to_string(dtype));
      tests::check_same_bits(streamed.primal, recording.primal(), type + " output");
      for (std::size_t k = 0; k < directions.size(); ++k) {
        tests::check_same_bits(streamed.tangents[k], recording.push(directions[k]),
                               type + " tangent " + std::to_string(k));
      }
      tests::check_same_bits(vit(nn::Params(model.theta0()), images).tensor(), recording.primal(),
                             type + " plain output");
    }
  }
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

BOOST_AUTO_TEST_CASE(configurations_that_do_not_fit_are_named) {
  const auto says = [](const std::string& part) {
    return [part](const std::exception& error) { return std::string(error.what()).find(part) != std::string::npos; };
  };
  const auto refuses = [&](const std::function<void(models::VitConfig&)>& spoil, const std::string& message) {
    models::VitConfig config = tests::golden_config();
    spoil(config);
    BOOST_CHECK_EXCEPTION(models::Vit{config}, std::invalid_argument, says(message));
  };
  refuses([](auto& c) { c.patch = 3; }, "[vit] the image size must be a multiple of the patch; got 8 and 3.");
  refuses([](auto& c) { c.patch = 0; }, "[vit] the image size must be a multiple of the patch; got 8 and 0.");
  refuses([](auto& c) { c.heads = 3; },
          "[vit] the width must be a multiple of the heads; got 8 and 3; choose another number of heads, or");
  refuses([](auto& c) { c.depth = 0; }, "[vit] the depth must lie in 1 .. 1024; got 0.");
  refuses([](auto& c) { c.depth = 1025; }, "[vit] the depth must lie in 1 .. 1024; got 1025.");
  refuses([](auto& c) { c.image_size = c.patch = 4097; }, "[vit] the image size must lie in 1 .. 4096; got 4097.");
  refuses([](auto& c) { c.width = 65538; }, "[vit] the width must lie in 1 .. 65536; got 65538.");
  refuses([](auto& c) { c.embedding = 65537; }, "[vit] the embedding must lie in 0 .. 65536; got 65537.");
  refuses([](auto& c) { c.embedding = -1; }, "[vit] the embedding must lie in 0 .. 65536; got -1.");
  refuses([](auto& c) { c.mlp_ratio = 65.0; }, "[vit] the MLP ratio must lie in (0, 64]; got 65.");
  refuses([](auto& c) { c.mlp_ratio = std::nan(""); }, "[vit] the MLP ratio must lie in (0, 64]; got nan.");
  const models::Vit vit(tests::golden_config());
  const nn::ParamTree theta(vit.layout(), DType::f64);
  BOOST_CHECK_EXCEPTION(vit(nn::Params(theta), Tensor::zeros({1, 3, 8, 4}, DType::f64)), engine::ShapeError,
                        says("needs images [B, 3, 8, 8]; got [1, 3, 8, 4]"));
}

BOOST_AUTO_TEST_SUITE_END()
