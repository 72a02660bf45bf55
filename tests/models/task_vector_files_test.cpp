// Arithmetic on checkpoint files against the same on tensors in memory, across both layouts.
#include "models/task_vector_files.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <stdexcept>

#include "models/clip.hpp"
#include "models/clip_convert.hpp"
#include "nn/safetensors_elements.hpp"
#include "nn/safetensors_map.hpp"
#include "nn/safetensors_writer.hpp"
#include "tests/support/golden.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/support/tensors.hpp"

using engine::Tensor;
using models::ClipLayout;
using tests::TemporaryDirectory;

BOOST_AUTO_TEST_SUITE(task_vector_files)

namespace {

const std::filesystem::path kBase = std::filesystem::path(TANGENT_GOLDEN_DIR) / "clip" / "hugging_face";

// The Hugging Face model, its image tower moved by 0.1 sin of a running number.
nn::NamedTensors moved(double by) {
  nn::NamedTensors tensors = nn::read_safetensors(kBase / "model.safetensors").tensors;
  double k = 0.0;
  for (auto& [name, tensor] : tensors) {
    if (!name.starts_with("vision_model.")) continue;
    tensor = tensor.clone();
    float* const values = tensor.writable().data<float>();
    for (std::int64_t i = 0; i < tensor.numel(); ++i) values[i] += static_cast<float>(0.1 * std::sin(by * ++k));
  }
  return tensors;
}

// The files of one test: two fine-tuned models and their task vectors.
struct Files {
  Files() {
    for (int i = 0; i < 2; ++i) {
      nn::write_safetensors(path("theta" + std::to_string(i)), moved(1.0 + i), {{"format", "pt"}});
      models::subtract_checkpoints(path("theta" + std::to_string(i)), kBase, path("tau" + std::to_string(i)));
    }
  }
  std::filesystem::path path(const std::string& name) const { return folder.path() / (name + ".safetensors"); }
  nn::NamedTensors read(const std::string& name) const { return nn::read_safetensors(path(name)).tensors; }
  TemporaryDirectory folder;
};

}  // namespace

BOOST_AUTO_TEST_CASE(subtracting_and_adding_give_the_same_model_again) {
  const Files files;
  const std::vector<std::filesystem::path> taus{files.path("tau0")};
  models::add_task_vectors(kBase, taus, 1.0, files.path("again"));
  const nn::NamedTensors theta = files.read("theta0");
  const nn::NamedTensors tau = files.read("tau0");
  const nn::NamedTensors base = nn::read_safetensors(kBase / "model.safetensors").tensors;
  BOOST_CHECK_EQUAL(files.read("again").size(), theta.size());
  for (const auto& [name, tensor] : files.read("again")) {
    tests::check_close(tensor, theta.at(name), 1e-6, name);
    tests::check_close(tau.at(name), engine::sub(theta.at(name), base.at(name)).tensor(), 1e-7, "tau of " + name);
  }
}

BOOST_AUTO_TEST_CASE(several_are_scaled_and_added) {
  const Files files;
  const std::vector<std::filesystem::path> taus{files.path("tau0"), files.path("tau1")};
  models::add_task_vectors(kBase, taus, 0.3, files.path("sum"));
  models::scale_task_vector(files.path("tau0"), -1.0, files.path("negative"));
  const nn::NamedTensors base = nn::read_safetensors(kBase / "model.safetensors").tensors;
  const nn::NamedTensors one = files.read("tau0");
  const nn::NamedTensors two = files.read("tau1");
  const nn::NamedTensors negative = files.read("negative");
  for (const auto& [name, tensor] : files.read("sum")) {
    const Tensor expected =
        engine::add(base.at(name), engine::scale(engine::add(one.at(name), two.at(name)), 0.3)).tensor();
    tests::check_close(tensor, expected, 1e-6, name);
    tests::check_same_bits(negative.at(name), engine::scale(one.at(name), -1.0).tensor(), "negative of " + name);
  }
}

BOOST_AUTO_TEST_CASE(the_layouts_mix) {
  const Files files;
  models::convert_checkpoint(kBase, ClipLayout::open_clip, files.folder.path() / "base");
  models::subtract_checkpoints(files.path("theta0"), files.folder.path() / "base", files.path("mixed"));
  BOOST_CHECK(tests::bytes_of_file(files.path("mixed")) == tests::bytes_of_file(files.path("tau0")));
  const std::vector<std::filesystem::path> taus{files.path("tau0")};
  const std::filesystem::path file = files.folder.path() / "base" / "edited.safetensors";  // beside the config
  models::add_task_vectors(files.folder.path() / "base", taus, 1.0, file);
  const models::Clip edited = models::read_clip(file);
  BOOST_CHECK(edited.layout == ClipLayout::open_clip);
}

BOOST_AUTO_TEST_CASE(products_are_those_of_the_vectors) {
  const Files files;
  const std::vector<std::filesystem::path> taus{files.path("tau0"), files.path("tau1")};
  const std::vector<double> products = models::inner_products(taus);
  const nn::NamedTensors one = files.read("tau0");
  const nn::NamedTensors two = files.read("tau1");
  double expected[3] = {0.0, 0.0, 0.0};
  for (const auto& [name, tensor] : one) {
    expected[0] += engine::dot(tensor, tensor).tensor().item();
    expected[1] += engine::dot(tensor, two.at(name)).tensor().item();
    expected[2] += engine::dot(two.at(name), two.at(name)).tensor().item();
  }
  BOOST_CHECK_CLOSE(products[0], expected[0], 1e-4);
  BOOST_CHECK_SMALL(products[1] - expected[1], 1e-5 * expected[0]);
  BOOST_CHECK_EQUAL(products[1], products[2]);
  BOOST_CHECK_CLOSE(products[3], expected[2], 1e-4);
}

BOOST_AUTO_TEST_CASE(what_lacks_a_tensor_counts_as_zero_and_what_has_another_is_refused) {
  const Files files;
  nn::write_safetensors(files.path("part"), {{"vision_model.post_layernorm.bias", Tensor::full({16}, 2.0)}});
  const std::vector<std::filesystem::path> taus{files.path("part")};
  models::add_task_vectors(kBase, taus, 1.0, files.path("sum"));
  const nn::NamedTensors base = nn::read_safetensors(kBase / "model.safetensors").tensors;
  for (const auto& [name, tensor] : files.read("sum")) {
    const double added = name == "vision_model.post_layernorm.bias" ? 2.0 : 0.0;
    tests::check_close(tensor, engine::shift(base.at(name), added).tensor(), 1e-7, name);
  }
  BOOST_CHECK_CLOSE(models::inner_products(taus)[0], 64.0, 1e-12);

  nn::write_safetensors(files.path("other"), {{"vision_model.post_layernorm.bias", Tensor::zeros({15})},
                                              {"vision_model.encoder.layers.7.mlp.fc1.bias", Tensor::zeros({3})}});
  const std::vector<std::filesystem::path> wrong{files.path("other")};
  BOOST_CHECK_EXCEPTION(models::add_task_vectors(kBase, wrong, 1.0, files.path("none")), std::runtime_error,
                        [](const std::runtime_error& error) {
                          const std::string message = error.what();
                          return message.find("ln_post.bias' is [15] here and [16] there") != std::string::npos &&
                                 message.find("resblocks.7.mlp.c_fc.bias' [3] is not there") != std::string::npos;
                        });
  BOOST_CHECK(!std::filesystem::exists(files.path("none")));

  nn::NamedTensors many;  // of a deeper model
  for (int layer = 2; layer < 27; ++layer)
    many.emplace("vision_model.encoder.layers." + std::to_string(layer) + ".mlp.fc1.bias", Tensor::zeros({3}));
  nn::write_safetensors(files.path("deeper"), many);
  BOOST_CHECK_EXCEPTION(models::subtract_checkpoints(files.path("deeper"), kBase, files.path("none")),
                        std::runtime_error, [](const std::runtime_error& error) {
                          const std::string message = error.what();
                          return std::ranges::count(message, '\n') == 21 && message.ends_with("\n  and 5 more");
                        });
}

BOOST_AUTO_TEST_CASE(half_precision_stays_half_precision) {
  const Files files;
  const std::vector<std::pair<std::string, std::string>> types{{"half", "F16"}, {"brain", "BF16"}};
  for (const auto& [name, type] : types) {
    const nn::NamedTensors tensors = moved(1.0);
    std::vector<nn::TensorSpec> specs;
    for (const auto& [tensor, values] : tensors) specs.push_back({tensor, type, values.shape()});
    nn::SafetensorsWriter writer(files.path(name), specs, {});
    for (const nn::TensorSpec& spec : writer.order()) {
      const Tensor& values = tensors.at(spec.name);
      std::vector<std::byte> bytes(static_cast<std::size_t>(values.numel()) * 2);
      nn::encode_floats(type, {values.data<float>(), static_cast<std::size_t>(values.numel())}, bytes.data());
      writer.write(bytes);
    }
    writer.commit();
    // −(−θ) is θ to the bit, and the two layouts keep every bit.
    models::scale_task_vector(files.path(name), -1.0, files.path("negative"));
    models::scale_task_vector(files.path("negative"), -1.0, files.path("again"));
    const nn::SafetensorsMap first(files.path(name));
    const nn::SafetensorsMap again(files.path("again"));
    for (const auto& [tensor, mapped] : first.tensors()) {
      BOOST_CHECK_EQUAL(again.tensors().at(tensor).type, type);
      BOOST_CHECK(std::ranges::equal(again.tensors().at(tensor).bytes, mapped.bytes));
    }
  }
}

BOOST_AUTO_TEST_CASE(what_is_not_finite_is_refused) {
  const Files files;
  const std::vector<std::filesystem::path> bad{files.path("bad")};
  nn::write_safetensors(bad[0], {{"logit_scale", Tensor::full({}, std::nan(""))}}, {});
  const auto names_the_file = [&](const std::runtime_error& error) {
    return error.what() ==
           "[clip] " + bad[0].string() + ": tensor 'logit_scale' holds NaN or Inf; every weight must be finite.";
  };
  BOOST_CHECK_EXCEPTION(models::scale_task_vector(bad[0], 1.0, files.path("out")), std::runtime_error, names_the_file);
  BOOST_CHECK_EXCEPTION(models::inner_products(bad), std::runtime_error, names_the_file);
  nn::SafetensorsWriter writer(files.path("half"), {{"logit_scale", "F16", {}}}, {});
  writer.write(std::vector<std::byte>{std::byte{0}, std::byte{0x7B}});  // 57344
  writer.commit();
  models::scale_task_vector(files.path("half"), 1.1, files.path("larger"));
  BOOST_CHECK_EXCEPTION(models::scale_task_vector(files.path("half"), 1.2, files.path("out")), std::runtime_error,
                        [](const std::runtime_error& error) {
                          return std::string(error.what()).find("too large for F16") != std::string::npos;
                        });
  BOOST_CHECK(!std::filesystem::exists(files.path("out")));
}

BOOST_AUTO_TEST_CASE(weights_that_clip_does_not_have_are_kept) {
  const Files files;
  nn::NamedTensors tensors = moved(1.0);
  tensors.emplace("classifier.weight", Tensor::full({2, 3}, 0.5));
  nn::write_safetensors(files.path("relative"), tensors, {});
  const std::vector<std::filesystem::path> taus{files.path("tau0")};
  models::add_task_vectors(files.path("relative"), taus, 1.0, files.path("edited"));
  const nn::NamedTensors edited = files.read("edited");
  const nn::NamedTensors tau = files.read("tau0");
  BOOST_CHECK_EQUAL(edited.size(), tensors.size());
  tests::check_close(edited.at("classifier.weight"), tensors.at("classifier.weight"), 0.0, "classifier");
  for (const auto& [name, tensor] : tau)
    tests::check_close(edited.at(name), engine::add(tensors.at(name), tensor).tensor(), 1e-6, name);
}

BOOST_AUTO_TEST_CASE(work_that_is_stopped_leaves_the_files_as_they_were) {
  const Files files;
  const std::vector<std::filesystem::path> taus{files.path("tau0"), files.path("tau1")};
  models::add_task_vectors(kBase, taus, 1.0, files.path("out"));
  const std::string before = tests::bytes_of_file(files.path("out"));
  const auto stopped = [](const auto& work) {  // each time later, until it comes to its end
    int stops = 0;
    for (bool ended = false; !ended; ++stops) {
      int left = 7 * stops;
      const auto between = [&left] {
        if (left-- == 0) throw std::domain_error("stop");
      };
      try {
        work(between);
        ended = true;
      } catch (const std::domain_error&) {
      }
    }
    return stops;
  };
  const auto is_as_it_was = [&] {
    BOOST_CHECK(tests::bytes_of_file(files.path("out")) == before);
    BOOST_CHECK_EQUAL(std::distance(std::filesystem::directory_iterator(files.folder.path()), {}), 5);
  };
  BOOST_CHECK_GT(stopped([&](const models::BetweenBlocks& between) {
                   is_as_it_was();
                   models::add_task_vectors(kBase, taus, 1.0, files.path("out"), between);
                 }),
                 2);
  BOOST_CHECK_GT(stopped([&](const models::BetweenBlocks& between) {
                   is_as_it_was();
                   models::convert_checkpoint(kBase, ClipLayout::open_clip, files.folder.path(), std::nullopt, between);
                 }),
                 2);
  BOOST_CHECK_GT(stopped([&](const models::BetweenBlocks& between) { models::inner_products(taus, between); }), 2);
}

BOOST_AUTO_TEST_CASE(q_k_and_v_are_all_numbers_or_refused) {
  const Files files;
  const std::string layer = "vision_model.encoder.layers.0.self_attn.";
  const std::filesystem::path path = files.path("mixed");
  nn::SafetensorsWriter writer(path, {{layer + "q_proj.bias", "F32", {4}}, {layer + "k_proj.bias", "I8", {4}}}, {});
  writer.write(std::vector<std::byte>(4 * 4 + 4));
  writer.commit();
  const std::string message = "[clip] " + path.string() + ": tensor '" + layer +
                              "k_proj.bias' must be F32, F16, BF16 or F64, as its neighbours of q, k and v; it is I8.";
  BOOST_CHECK_EXCEPTION(models::scale_task_vector(path, 1.0, files.path("out")), std::runtime_error,
                        [&](const std::runtime_error& error) { return error.what() == message; });
}

BOOST_AUTO_TEST_SUITE_END()
