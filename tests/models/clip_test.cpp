// CLIP out of checkpoints: both layouts against the code they come from (transformers, open_clip; tests/golden/make_clip.py),
// there and back to the byte, and what is said of files that do not fit.
#include "models/clip.hpp"

#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "engine/tensor/errors.hpp"
#include "models/clip_convert.hpp"
#include "models/clip_preprocessing.hpp"
#include "tests/support/golden.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/support/tensors.hpp"

using engine::DType;
using engine::Tensor;
using models::Clip;
using models::ClipLayout;
using tests::TemporaryDirectory;

BOOST_AUTO_TEST_SUITE(clip)

namespace {

const std::filesystem::path kGolden = std::filesystem::path(TANGENT_GOLDEN_DIR) / "clip";
const std::filesystem::path kHuggingFace = kGolden / "hugging_face";
const std::filesystem::path kOpenClip = kGolden / "open_clip";
constexpr double kTolerance = 1e-5;  // f32 against f64, relative to the largest value

Tensor features(const models::ImageTower& tower, const Tensor& pixels) {
  return tower.network(nn::Params(tower.weights), pixels).tensor();
}

Tensor features(const models::LanguageTower& tower, const Tensor& tokens) {
  return tower.network(nn::Params(tower.weights), tokens).tensor();
}

// The message of a refusal, which must be of the file.
std::string refusal(const std::function<void()>& action) {
  try {
    action();
  } catch (const std::exception& error) {
    BOOST_TEST_MESSAGE(error.what());
    return error.what();
  }
  return "nothing was thrown";
}

void check_says(const std::string& message, std::initializer_list<std::string> parts) {
  for (const std::string& part : parts)
    BOOST_CHECK_MESSAGE(message.find(part) != std::string::npos, "'" << part << "' missing in: " << message);
}

// A folder with the Hugging Face model, its tensors changed by `change` and its config by `configure`.
struct Changed {
  explicit Changed(const std::function<void(nn::NamedTensors&)>& change,
                   const std::function<void(nlohmann::json&)>& configure = nullptr) {
    nn::NamedTensors tensors = nn::read_safetensors(kHuggingFace / "model.safetensors").tensors;
    if (change) change(tensors);
    nn::write_safetensors(folder.path() / "model.safetensors", tensors);
    std::ifstream stream(kHuggingFace / "config.json");
    nlohmann::json config = nlohmann::json::parse(stream);
    if (configure) configure(config);
    folder.file("config.json", config.dump());
  }
  std::string message() const {
    return refusal([&] { models::read_clip(folder.path()); });
  }
  TemporaryDirectory folder;
};

const std::string kQuery = "vision_model.encoder.layers.0.self_attn.q_proj.weight";

}  // namespace

BOOST_AUTO_TEST_CASE(features_and_both_products_equal_the_original_code) {
  for (const auto& [name, layout] :
       {std::pair{"hugging_face", ClipLayout::hugging_face}, {"open_clip", ClipLayout::open_clip}}) {
    const std::filesystem::path reference_file = kGolden / (std::string(name) + ".safetensors");
    const nn::NamedTensors reference = nn::read_safetensors(reference_file).tensors;
    const Clip clip = models::read_clip(kGolden / name);
    BOOST_CHECK(clip.layout == layout);
    BOOST_CHECK_EQUAL(*clip.logit_scale, 2.5F);
    tests::check_relative(features(*clip.text, reference.at("tokens")), reference.at("text_features"), kTolerance,
                          name + std::string(": text features"));

    nn::NamedTensors tau;
    for (const auto& [key, tensor] : reference) {
      if (key.starts_with("tau.")) tau.emplace(key.substr(4), tensor);
    }
    const TemporaryDirectory folder;
    nn::write_safetensors(folder.path() / "tau.safetensors", tau);
    const nn::TangentRecording recording =
        nn::record(clip.image->network.model(), clip.image->weights, reference.at("pixels"));
    tests::check_relative(recording.primal(), reference.at("image_features"), kTolerance,
                          name + std::string(": image features"));
    const nn::ParamTree direction = models::read_image_direction(folder.path() / "tau.safetensors", clip);
    tests::check_relative(recording.push(direction), reference.at("jvp"), kTolerance, name + std::string(": J tau"));
    const nn::NamedTensors gradient = models::in_layout(recording.pull(reference.at("cotangent")), "visual.", layout);
    BOOST_CHECK_EQUAL(gradient.size(), tau.size());
    for (const auto& [key, tensor] : gradient) {
      const Tensor& expected = reference.at("vjp." + key);
      if (key.ends_with("k_proj.bias")) {  // softmax ignores it: rounding alone
        tests::check_close(tensor, expected, 1e-5, key);
      } else if (key.ends_with("attn.in_proj_bias")) {
        tests::check_close(tensor, expected, 1e-5, key);
      } else {
        tests::check_relative(tensor, expected, kTolerance, name + std::string(": J^T u, ") + key);
      }
    }
  }
}

// Weights by a formula, features by OpenAI's own class in f64: the tensors' names in the order of their code points are
// k = 0 .. 60, element i is 0.2 sin(1.37 i + k + 1), plus 1 in the weight of a norm.
BOOST_AUTO_TEST_CASE(weights_by_a_formula_give_what_openai_s_code_gives) {
  const models::Vit vit({.image_size = 64, .patch = 32, .width = 128, .depth = 2, .heads = 2, .embedding = 8});
  const models::TextTower text({.width = 64, .depth = 2, .heads = 1, .embedding = 8});
  std::map<std::string, engine::Shape> shapes;
  for (const auto& entry : vit.layout()->entries()) shapes.emplace("visual." + entry.name, entry.shape);
  for (const auto& entry : text.layout()->entries()) shapes.emplace(entry.name, entry.shape);
  BOOST_REQUIRE_EQUAL(shapes.size(), 61u);
  nn::NamedTensors tensors;
  int k = 0;
  for (const auto& [name, shape] : shapes) {
    const double norm = name.find("ln_") != std::string::npos && name.ends_with("weight") ? 1.0 : 0.0;
    std::vector<float> values(static_cast<std::size_t>(shape.numel()));
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i] = static_cast<float>(0.2 * std::sin(1.37 * static_cast<double>(i) + k + 1) + norm);
    tensors.emplace(name, Tensor::from<float>(values, shape));
    ++k;
  }
  tensors.emplace("logit_scale", Tensor::full({}, 2.5));
  const TemporaryDirectory folder;
  nn::write_safetensors(folder.path() / "model.safetensors", tensors);
  const Clip clip = models::read_clip(folder.path(), engine::Activation::quick_gelu);
  std::vector<float> pixels;
  for (int c = 0; c < 3; ++c) {
    for (int y = 0; y < 64; ++y) {
      for (int x = 0; x < 64; ++x) pixels.push_back(static_cast<float>(std::sin(0.1 * x + 0.2 * y + c)));
    }
  }
  std::vector<std::int64_t> tokens{49406, 320, 1125, 539, 320, 2368, 49407};  // "a photo of a cat"
  tokens.resize(77);
  tests::check_close(features(*clip.image, Tensor::from<float>(pixels, {1, 3, 64, 64})),
                     Tensor::from<double>(
                         {-0.257105, -0.295190, 0.139354, 0.350778, 0.000571, -0.350550, -0.140406, 0.294542}, {1, 8}),
                     2e-5, "image features");
  tests::check_close(features(*clip.text, Tensor::from<std::int64_t>(tokens, {1, 77})),
                     Tensor::from<double>(
                         {-0.033409, -0.116338, -0.012998, 0.111153, 0.057337, -0.088281, -0.092553, 0.051362}, {1, 8}),
                     2e-5, "text features");
}

BOOST_AUTO_TEST_CASE(the_two_activations_differ) {
  const nn::NamedTensors reference = nn::read_safetensors(kGolden / "hugging_face.safetensors").tensors;
  const Changed other(nullptr, [](nlohmann::json& config) { config["vision_config"]["hidden_act"] = "gelu"; });
  const Tensor quick = features(*models::read_clip(kHuggingFace).image, reference.at("pixels"));
  const Tensor gelu = features(*models::read_clip(other.folder.path()).image, reference.at("pixels"));
  double largest = 0.0;
  for (std::size_t i = 0; i < tests::values_of(quick).size(); ++i)
    largest = std::max(largest, std::abs(tests::values_of(quick)[i] - tests::values_of(gelu)[i]));
  BOOST_CHECK_GT(largest, 1e-3);
}

BOOST_AUTO_TEST_CASE(padding_after_the_end_changes_no_bit_of_a_text) {
  const Clip clip = models::read_clip(kOpenClip);
  const std::int64_t end = 39;
  const Tensor zeros = Tensor::from<std::int64_t>({38, 5, end, 0, 0, 0}, {1, 6});
  const Tensor ends = Tensor::from<std::int64_t>({38, 5, end, end, end, end}, {1, 6});
  tests::check_same_bits(features(*clip.text, zeros), features(*clip.text, ends), "two ways to pad");
  tests::check_relative(features(*clip.text, Tensor::from<std::int64_t>({38, 5, end}, {1, 3})),
                        features(*clip.text, zeros), 1e-6, "none");
}

BOOST_AUTO_TEST_CASE(tokens_that_are_none_are_refused) {
  const Clip clip = models::read_clip(kOpenClip);
  const auto message = [&](const Tensor& tokens) { return refusal([&] { features(*clip.text, tokens); }); };
  check_says(message(Tensor::from<std::int64_t>({1, 40}, {1, 2})), {"token ids must lie in 0 .. 39; text 0 has 40"});
  check_says(message(Tensor::zeros({1, 13}, DType::i64)), {"T in 1 .. 12; got [1, 13]"});
  check_says(message(Tensor::zeros({1, 2})), {"token ids in i64; got f32 [1, 2]"});
}

BOOST_AUTO_TEST_CASE(the_derivatives_of_the_text_tower_are_derivatives) {
  const models::TextTower tower({.context = 5, .vocabulary = 7, .width = 6, .depth = 2, .heads = 2, .embedding = 4});
  const nn::ParamTree theta = nn::initial_params(tower.layout(), 1, DType::f64);
  const nn::ParamTree v = nn::initial_params(tower.layout(), 2, DType::f64);
  const Tensor tokens = Tensor::from<std::int64_t>({5, 2, 6, 0, 0, 5, 1, 1, 3, 6}, {2, 5});
  const nn::TangentRecording recording = nn::record(tower.model(), theta, tokens);
  const double h = 1e-5;
  const auto at = [&](double step) { return tower(nn::Params(theta + step * v), tokens); };
  const Tensor difference = scale(sub(at(h), at(-h)), 0.5 / h).tensor();
  tests::check_close(recording.push(v), difference, 1e-7, "J v against differences");
  engine::Random random(3);
  const Tensor u = tests::random_tensor({2, 4}, random);
  BOOST_CHECK_CLOSE(engine::dot(u, recording.push(v)).tensor().item(), nn::dot(recording.pull(u), v), 1e-9);
}

BOOST_AUTO_TEST_CASE(a_checkpoint_goes_there_and_back_to_the_byte) {
  const TemporaryDirectory folder;
  models::convert_checkpoint(kHuggingFace, ClipLayout::open_clip, folder.path() / "oc");
  models::convert_checkpoint(folder.path() / "oc", ClipLayout::hugging_face, folder.path() / "hf");
  BOOST_CHECK(tests::bytes_of_file(folder.path() / "hf" / "model.safetensors") ==
              tests::bytes_of_file(kHuggingFace / "model.safetensors"));
  models::convert_checkpoint(kOpenClip, ClipLayout::hugging_face, folder.path() / "hf2");
  models::convert_checkpoint(folder.path() / "hf2", ClipLayout::open_clip, folder.path() / "oc2");
  BOOST_CHECK(tests::bytes_of_file(folder.path() / "oc2" / "open_clip_model.safetensors") ==
              tests::bytes_of_file(kOpenClip / "open_clip_model.safetensors"));
  // The converted ones compute the same, so the configs came along.
  const nn::NamedTensors reference = nn::read_safetensors(kGolden / "open_clip.safetensors").tensors;
  tests::check_same_bits(features(*models::read_clip(folder.path() / "hf2").image, reference.at("pixels")),
                         features(*models::read_clip(kOpenClip).image, reference.at("pixels")), "after conversion");
  // From memory as well.
  models::write_clip(folder.path() / "memory.safetensors", models::read_clip(kHuggingFace), ClipLayout::hugging_face);
  BOOST_CHECK(tests::bytes_of_file(folder.path() / "memory.safetensors") ==
              tests::bytes_of_file(kHuggingFace / "model.safetensors"));
}

BOOST_AUTO_TEST_CASE(shards_are_one_checkpoint) {
  const nn::NamedTensors tensors = nn::read_safetensors(kHuggingFace / "model.safetensors").tensors;
  const TemporaryDirectory folder;
  std::filesystem::copy(kHuggingFace / "config.json", folder.path() / "config.json");
  nn::NamedTensors shards[2];
  nlohmann::json index{{"metadata", {{"total_size", 1}}}, {"weight_map", nlohmann::json::object()}};
  int i = 0;
  for (const auto& [name, tensor] : tensors) {
    shards[++i % 2].emplace(name, tensor);
    index["weight_map"][name] = "model-0000" + std::to_string(i % 2 + 1) + "-of-00002.safetensors";
  }
  for (int s = 0; s < 2; ++s)
    nn::write_safetensors(folder.path() / ("model-0000" + std::to_string(s + 1) + "-of-00002.safetensors"), shards[s]);
  folder.file("model.safetensors.index.json", index.dump());
  const Clip whole = models::read_clip(kHuggingFace);
  const Clip parts = models::read_clip(folder.path());
  tests::check_same_bits(parts.image->weights.flat(), whole.image->weights.flat(), "image tower");
  tests::check_same_bits(parts.text->weights.flat(), whole.text->weights.flat(), "text tower");

  const auto message = [&](const std::string& name, const std::string& shard) {
    nlohmann::json changed = index;
    changed["weight_map"][name] = shard;
    folder.file("model.safetensors.index.json", changed.dump());
    return refusal([&] { models::read_clip(folder.path()); });
  };
  check_says(message("logit_scale", "../secret"), {"shard '../secret' of tensor 'logit_scale'"});
  check_says(message("logit_scale", "a\nb"), {"shard 'a?b' of tensor 'logit_scale' must be a plain name"});
  check_says(message("logit\nscale", "../secret"), {"tensor 'logit?scale'"});
  check_says(message("absent", "model-00001-of-00002.safetensors"), {"tensor 'absent' lies in", "where it does not"});
  check_says(message("logit_scale", "model-3.safetensors"), {"model-3.safetensors", "cannot be read"});
  std::filesystem::remove(folder.path() / "model.safetensors.index.json");
  std::filesystem::create_directory(folder.path() / "model.safetensors.index.json");
  check_says(refusal([&] { models::read_clip(folder.path()); }),
             {"[clip]", "model.safetensors.index.json", "is not a file"});
}

BOOST_AUTO_TEST_CASE(a_config_that_is_a_folder_is_named) {
  const Changed changed({});
  std::filesystem::remove(changed.folder.path() / "config.json");
  std::filesystem::create_directory(changed.folder.path() / "config.json");
  check_says(changed.message(), {"[clip]", "config.json", "is not a file"});
}

BOOST_AUTO_TEST_CASE(every_tensor_that_does_not_fit_is_in_one_message) {
  const Changed changed([](nn::NamedTensors& tensors) {
    tensors.erase("text_model.final_layer_norm.bias");
    tensors.erase(kQuery);
    tensors.insert_or_assign("logit_scale", Tensor::zeros({1}));
    tensors.emplace("vision_model.encoder.layers.0.self_attn.rope", Tensor::zeros({4}));
    tensors.emplace("vision_model.embeddings.position_ids", Tensor::zeros({1, 5}, DType::i64));  // passed over
  });
  check_says(changed.message(), {"4 tensors do not fit", "missing: 'text_model.final_layer_norm.bias' [16]",
                                 "missing: '" + kQuery + "' [16, 16]", "'logit_scale' must be []; it is [1]",
                                 "unknown: 'vision_model.encoder.layers.0.self_attn.rope' [4]"});
}

BOOST_AUTO_TEST_CASE(of_many_tensors_that_do_not_fit_the_first_are_told) {
  const Changed changed([](nn::NamedTensors& tensors) {
    for (int i = 10; i < 40; ++i) tensors.emplace("visual_projection.weight" + std::to_string(i), Tensor::zeros({1}));
  });
  const std::string message = changed.message();
  check_says(message,
             {"30 tensors do not fit", "unknown: 'visual_projection.weight29' [1]; nearest: '", "\n  and 10 more"});
  BOOST_CHECK(message.find("visual_projection.weight30") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(another_architecture_is_named) {
  const TemporaryDirectory folder;
  nn::write_safetensors(folder.path() / "model.safetensors", {{"encoder.weight", Tensor::zeros({2, 2})}});
  check_says(refusal([&] { models::read_clip(folder.path()); }),
             {"model.safetensors: is no CLIP", "visual.conv1.weight", "it has 'encoder.weight'"});
  nn::write_safetensors(folder.path() / "model.safetensors", {{"visual.layer1.0.conv1.weight", Tensor::zeros({2, 2})}});
  check_says(refusal([&] { models::read_clip(folder.path()); }),
             {"a ResNet by its tensor 'visual.layer1.0.conv1.weight'"});
  const Changed siglip(nullptr, [](nlohmann::json& config) { config["model_type"] = "siglip"; });
  check_says(siglip.message(), {"config.json: model_type is 'siglip', another architecture; expected 'clip'"});
}

BOOST_AUTO_TEST_CASE(a_config_that_contradicts_the_tensors_is_refused) {
  const Changed wrong(nullptr, [](nlohmann::json& config) {
    config["vision_config"]["hidden_size"] = 32;
    config["text_config"]["vocab_size"] = 49408;
    config["text_config"].erase("eos_token_id");
  });
  check_says(wrong.message(),
             {"config.json contradicts the tensors", "vision width: 32 in the config, 16 in the tensors",
              "vocabulary: 49408 in the config, 40 in the tensors"});
  const Changed eps(nullptr, [](nlohmann::json& config) { config["text_config"]["layer_norm_eps"] = 1e-6; });
  check_says(eps.message(), {"text_config.layer_norm_eps must be 1e-5"});
  const Changed act(nullptr, [](nlohmann::json& config) { config["text_config"]["hidden_act"] = "relu"; });
  check_says(act.message(), {"text_config.hidden_act is 'relu'; expected 'quick_gelu' or 'gelu'"});
  const Changed heads(nullptr, [](nlohmann::json& config) { config["text_config"]["num_attention_heads"] = 3; });
  check_says(heads.message(), {"model.safetensors: ", "the width must be a multiple of the heads; got 16 and 3"});
  const Changed old(nullptr, [](nlohmann::json& config) { config["text_config"]["eos_token_id"] = 2; });
  BOOST_CHECK_EQUAL(models::read_clip(old.folder.path()).text->network.config().vocabulary, 40);
  const Changed end(nullptr, [](nlohmann::json& config) { config["text_config"]["eos_token_id"] = 7; });
  check_says(end.message(), {"text_config.eos_token_id is 7; expected 39, the largest id"});
  const Changed deep(nullptr, [](nlohmann::json& config) {
    for (int i = 0; i < 100; ++i)
      config["vision_config"]["patch_size"] = nlohmann::json::array({config["vision_config"]["patch_size"]});
  });
  check_says(deep.message(), {"vision_config.patch_size must be a whole number"});
  const Changed text(nullptr, [](nlohmann::json& config) { config["vision_config"]["patch_size"] = "8"; });
  check_says(text.message(), {"vision_config.patch_size must be a whole number; got \"8\""});
}

// open_clip's MLP is int(width · ratio) wide.
BOOST_AUTO_TEST_CASE(an_mlp_of_open_clip_is_as_wide_as_there) {
  const TemporaryDirectory folder;
  const auto hidden = [&](const std::string& ratio) {
    folder.file("open_clip_config.json",
                R"({"embed_dim": 8, "text_cfg": {}, "vision_cfg": {"width": 1664, "mlp_ratio": )" + ratio + "}}");
    const models::ClipConfig config =
        models::read_clip_config(folder.path() / "open_clip_config.json", ClipLayout::open_clip);
    // As it is written it says the same.
    for (const auto& [path, text] : models::clip_config_files(folder.path(), ClipLayout::open_clip, config)) {
      const double written = nlohmann::json::parse(text)["model_cfg"]["vision_cfg"]["mlp_ratio"].get<double>();
      BOOST_CHECK_EQUAL(std::floor(1664 * written), std::round(1664 * config.image->mlp_ratio));
    }
    return std::llround(1664 * config.image->mlp_ratio);
  };
  BOOST_CHECK_EQUAL(hidden("4.9231"), 8192);  // 8192.04
  BOOST_CHECK_EQUAL(hidden("4.923"), 8191);   // 8191.87
  BOOST_CHECK_EQUAL(hidden("4"), 6656);
}

BOOST_AUTO_TEST_CASE(how_images_are_prepared_goes_along) {
  const TemporaryDirectory folder;
  std::filesystem::copy(kHuggingFace, folder.path() / "model", std::filesystem::copy_options::recursive);
  BOOST_CHECK(!models::read_clip_preprocessing(folder.path() / "model", ClipLayout::hugging_face, 16).has_value());
  std::ofstream(folder.path() / "model/processor_config.json")
      << R"({"image_processor": {"image_mean": [0.48145466, 0.5, 0.25], "image_std": [0.5, 0.26862954, 1]}})";
  models::convert_checkpoint(folder.path() / "model", ClipLayout::open_clip, folder.path() / "there");
  models::convert_checkpoint(folder.path() / "there", ClipLayout::hugging_face, folder.path() / "back");
  for (const auto& [name, layout] : {std::pair{"model", ClipLayout::hugging_face},
                                     {"there", ClipLayout::open_clip},
                                     {"back", ClipLayout::hugging_face}}) {
    const auto pixels = models::read_clip_preprocessing(folder.path() / name, layout, 16);
    BOOST_REQUIRE(pixels.has_value());
    BOOST_CHECK((pixels->mean == std::array{0.48145466F, 0.5F, 0.25F}));
    BOOST_CHECK((pixels->deviation == std::array{0.5F, 0.26862954F, 1.0F}));
  }
  const std::string there = tests::bytes_of_file(folder.path() / "there/open_clip_config.json");
  BOOST_CHECK(there.find("0.48145467,") != std::string::npos);  // the shortest decimals of that float
}

BOOST_AUTO_TEST_CASE(the_last_word_has_the_config_dict) {
  const Changed changed(nullptr, [](nlohmann::json& config) {
    config["vision_config_dict"] = config["vision_config"];
    config["vision_config"]["hidden_size"] = 999;
    config["text_config_dict"] = nullptr;
  });
  BOOST_CHECK_EQUAL(models::read_clip(changed.folder.path()).image->network.config().width, 16);
}

BOOST_AUTO_TEST_CASE(a_weight_that_is_no_number_is_named) {
  const Changed changed([](nn::NamedTensors& tensors) {
    Tensor& query = tensors.at(kQuery);
    query = query.clone();
    query.writable().data<float>()[18] = std::nanf("");
  });
  check_says(changed.message(), {"tensor '" + kQuery + "' holds NaN at [1, 2]"});
  const TemporaryDirectory out;
  check_says(refusal([&] { models::convert_checkpoint(changed.folder.path(), ClipLayout::open_clip, out.path()); }),
             {"[clip] " + (changed.folder.path() / "model.safetensors").string() + ": tensor '" + kQuery +
              "' holds NaN or Inf; every weight must be finite."});
  BOOST_CHECK(std::filesystem::is_empty(out.path()));
}

BOOST_AUTO_TEST_CASE(without_a_config_the_activation_must_be_said) {
  const TemporaryDirectory folder;
  const models::Vit vit({.image_size = 16, .patch = 8, .width = 64, .depth = 1, .heads = 1, .embedding = 8});
  const models::TextTower text({.context = 4, .vocabulary = 9, .width = 64, .depth = 2, .heads = 1, .embedding = 8});
  const Clip clip{"", ClipLayout::open_clip, models::ImageTower{vit, nn::initial_params(vit.layout(), 1)},
                  models::LanguageTower{text, nn::initial_params(text.layout(), 2)}, 1.0F};
  models::write_clip(folder.path() / "model.safetensors", clip, ClipLayout::open_clip);
  check_says(refusal([&] { models::read_clip(folder.path()); }),
             {"no tensor tells", "open_clip_config.json", "--activation"});
  const Clip read = models::read_clip(folder.path(), engine::Activation::gelu);
  tests::check_same_bits(read.image->weights.flat(), clip.image->weights.flat(), "image tower");
  tests::check_same_bits(read.text->weights.flat(), clip.text->weights.flat(), "text tower");
  BOOST_CHECK(read.image->network.config().activation == engine::Activation::gelu);
  BOOST_CHECK_EQUAL(read.text->network.config().depth, 2);
}

BOOST_AUTO_TEST_CASE(an_activation_that_contradicts_the_config_is_refused) {
  check_says(refusal([] { models::read_clip(kHuggingFace, engine::Activation::gelu); }),
             {(kHuggingFace / "config.json").string() + ": the activation is quick_gelu by this config",
              "--activation says gelu; leave the option out"});
  BOOST_CHECK(models::read_clip(kHuggingFace, engine::Activation::quick_gelu).image.has_value());
  check_says(refusal([] { models::check_clip(kOpenClip, engine::Activation::quick_gelu); }),
             {"open_clip_config.json: the activation is gelu by this config"});
}

BOOST_AUTO_TEST_CASE(an_image_tower_alone_is_read) {
  const Changed alone(
      [](nn::NamedTensors& tensors) {
        std::erase_if(tensors, [](const auto& named) { return !named.first.starts_with("vision_model."); });
      },
      [](nlohmann::json& config) { config = config["vision_config"]; });
  const Clip clip = models::read_clip(alone.folder.path());
  BOOST_CHECK(!clip.text.has_value() && !clip.logit_scale.has_value());
  BOOST_CHECK_EQUAL(clip.image->network.features(), 16);  // no projection
}

BOOST_AUTO_TEST_CASE(a_tuned_image_tower_may_lack_tensors_and_hold_a_text_tower) {
  const Clip clip = models::read_clip(kHuggingFace);
  const Changed tuned([](nn::NamedTensors& tensors) {
    tensors.erase("visual_projection.weight");
    tensors.insert_or_assign(kQuery, Tensor::full({16, 16}, 2.0));
    tensors.insert_or_assign("text_model.final_layer_norm.bias", Tensor::zeros({3}));
  });
  const nn::ParamTree weights = models::read_tuned_image(tuned.folder.path(), clip.image->network, clip.image->weights);
  nn::NamedTensors expected = models::in_layout(clip.image->weights, "visual.", ClipLayout::hugging_face);
  expected.insert_or_assign(kQuery, Tensor::full({16, 16}, 2.0));
  for (const auto& [name, tensor] : models::in_layout(weights, "visual.", ClipLayout::hugging_face))
    tests::check_close(tensor, expected.at(name), 0.0, name);
  const Changed text([](nn::NamedTensors& tensors) {
    std::erase_if(tensors, [](const auto& named) { return !named.first.starts_with("text_"); });
  });
  check_says(refusal([&] { models::read_tuned_image(text.folder.path(), clip.image->network, clip.image->weights); }),
             {"holds no image tower"});
}

BOOST_AUTO_TEST_CASE(a_tangent_may_lack_tensors_but_not_name_unknown_ones) {
  const Clip clip = models::read_clip(kHuggingFace);
  const TemporaryDirectory folder;
  const std::filesystem::path file = folder.path() / "tau.safetensors";
  nn::write_safetensors(file, {{kQuery, Tensor::full({16, 16}, 2.0)}});
  const nn::ParamTree tau = models::read_image_direction(file, clip);
  BOOST_CHECK_CLOSE(nn::norm(tau), 32.0, 1e-6);
  nn::write_safetensors(file, {{kQuery, Tensor::full({16, 16}, 2.0)}, {"vision_model.x", Tensor::zeros({1})}});
  check_says(refusal([&] { models::read_image_direction(file, clip); }),
             {"1 tensor does not fit", "unknown: 'vision_model.x'"});
}

BOOST_AUTO_TEST_SUITE_END()
