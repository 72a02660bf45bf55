// Heads from prompts and a text encoder, and their cache.
#include "models/prompt_ensemble.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <filesystem>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/tensor/atomic_file.hpp"
#include "engine/tensor/errors.hpp"
#include "models/zero_shot_head.hpp"
#include "tests/support/check_error.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/support/tensors.hpp"

BOOST_AUTO_TEST_SUITE(prompt_ensemble)

namespace {

using engine::Tensor;
using tests::TemporaryDirectory;

using Prompts = std::vector<std::vector<std::string>>;

constexpr std::int64_t E = 3;

const models::Tokenizer& tokenizer() {
  static const TemporaryDirectory directory;
  static const models::Tokenizer bytes(
      models::Vocabulary(directory.file("bpe_simple_vocab_16e6.txt", "#version: no merges\n"), 514));
  return bytes;
}

// Features that depend on every id of a text and on their order.
std::vector<double> features_of(const std::int64_t* ids) {
  std::vector<double> features(E, 0.0);
  for (int t = 0; t < 77; ++t) {
    for (std::int64_t e = 0; e < E; ++e) {
      features[static_cast<std::size_t>(e)] += std::sin(0.01 * static_cast<double>(ids[t] * (e + 1) + t));
    }
  }
  return features;
}

struct CountedEncoder {
  int texts = 0;
  Tensor operator()(const Tensor& tokens) {
    std::vector<float> rows;
    for (std::int64_t b = 0; b < tokens.shape()[0]; ++b, ++texts) {
      for (const double x : features_of(tokens.data<std::int64_t>() + 77 * b)) rows.push_back(static_cast<float>(x));
    }
    return Tensor::from<float>(rows, {tokens.shape()[0], E});
  }
};

void divide_by_length(std::vector<double>& x) {
  double squares = 0.0;
  for (const double value : x) squares += value * value;
  for (double& value : x) value /= std::sqrt(squares);
}

const Prompts kPrompts = {
    {"a cat", "the cat", "one cat more"}, {"a dog"}, std::vector<std::string>(70, "a bird, again")};

}  // namespace

BOOST_AUTO_TEST_CASE(class_embeddings_are_means_of_unit_features_made_unit) {
  std::vector<double> expected;
  for (const std::vector<std::string>& texts : kPrompts) {
    std::vector<double> sum(E, 0.0);
    for (const std::string& text : texts) {
      const std::vector<std::string> one = {text};
      std::vector<double> features = features_of(tokenizer().tokenize(one).data<std::int64_t>());
      divide_by_length(features);
      for (std::size_t e = 0; e < sum.size(); ++e) sum[e] += features[e];
    }
    divide_by_length(sum);
    expected.insert(expected.end(), sum.begin(), sum.end());
  }
  CountedEncoder encoder;
  const Tensor rows = models::prompt_ensemble(std::ref(encoder), tokenizer(), kPrompts);
  BOOST_CHECK_EQUAL(encoder.texts, 74);
  tests::check_close(rows, Tensor::from<double>(expected, {3, E}).to(engine::DType::f32), 1e-6, "class embeddings");

  // A feature along w_c is of class c, and its logit is the scale.
  const models::ZeroShotHead head(rows, 100.0);
  BOOST_CHECK(head.predict(rows) == (std::vector<std::int64_t>{0, 1, 2}));
  BOOST_CHECK_CLOSE(head.logits(rows).tensor().to(engine::DType::f64).data<double>()[4], 100.0, 1e-4);
}

BOOST_AUTO_TEST_CASE(cache_answers_for_the_same_content_only) {
  const TemporaryDirectory directory;
  const std::filesystem::path folder = directory.path() / "made/here";
  CountedEncoder encoder;
  const auto rows_of = [&](const std::string& identity, const Prompts& prompts) {
    return models::cached_prompt_ensemble(folder, identity, std::ref(encoder), tokenizer(), prompts);
  };
  const auto texts_encoded = [&](const std::string& identity, const Prompts& prompts) {
    encoder.texts = 0;
    rows_of(identity, prompts);
    return encoder.texts;
  };
  const Tensor first = rows_of("weights", kPrompts);
  encoder.texts = 0;
  const Tensor second = rows_of("weights", kPrompts);
  BOOST_CHECK_EQUAL(encoder.texts, 0);
  BOOST_CHECK(tests::values_of(first) == tests::values_of(second));
  BOOST_CHECK_EQUAL(texts_encoded("other weights", kPrompts), 74);
  BOOST_CHECK_EQUAL(texts_encoded("weights", {{"a cat"}, {"a dog"}}), 2);
  BOOST_CHECK_EQUAL(texts_encoded("weights", {{"a cat", "a dog"}}), 2);  // the same texts, of one class
  BOOST_CHECK_EQUAL(texts_encoded("weights", {{"a dog"}, {"a cat"}}), 2);
  BOOST_CHECK_EQUAL(texts_encoded("weights", {{"a cat"}, {"a dog"}}), 0);
}

BOOST_AUTO_TEST_CASE(damaged_cache_is_named) {
  const TemporaryDirectory directory;
  CountedEncoder encoder;
  const auto make = [&] {
    models::cached_prompt_ensemble(directory.path(), "weights", std::ref(encoder), tokenizer(), kPrompts);
  };
  make();
  const std::filesystem::path file = std::filesystem::directory_iterator(directory.path())->path();
  const std::string bytes = tests::bytes_of_file(file);
  engine::write_text_file(file, bytes.substr(0, bytes.size() - 1));
  tests::check_error(make, "[prompt_ensemble] " + file.string() + ": ", "cannot be read; delete it");

  models::cached_prompt_ensemble(directory.path(), "other", std::ref(encoder), tokenizer(), {{"a"}, {"b"}});
  for (const auto& entry : std::filesystem::directory_iterator(directory.path())) {
    if (entry.path() != file)
      std::filesystem::copy_file(entry.path(), file, std::filesystem::copy_options::overwrite_existing);
  }
  tests::check_error(make, "[prompt_ensemble] " + file.string() + ": ", "its name promises; delete it.");
}

BOOST_AUTO_TEST_CASE(prompts_and_encoders_that_cannot_be_are_refused) {
  CountedEncoder encoder;
  const auto make = [&](const models::TextEncoder& text_encoder, const Prompts& prompts) {
    return models::prompt_ensemble(text_encoder, tokenizer(), prompts);
  };
  BOOST_CHECK_THROW(make(std::ref(encoder), {}), std::invalid_argument);
  BOOST_CHECK_THROW(make(std::ref(encoder), {{"a"}, {}}), std::invalid_argument);
  BOOST_CHECK_THROW(make([](const Tensor&) { return Tensor::zeros({1, E}); }, {{"a"}, {"b"}}), engine::ShapeError);
  BOOST_CHECK_THROW(models::ZeroShotHead(Tensor::zeros({3}), 1.0), engine::ShapeError);
  for (const double bad : {0.0, std::numeric_limits<double>::infinity()}) {
    tests::check_error(
        [&] {
          make([&](const Tensor& tokens) { return Tensor::full({tokens.shape()[0], E}, bad); }, {{"a"}});
        },
        "[prompt_ensemble] ", "the prompts of class 0, 'a', have no direction");
  }
}

BOOST_AUTO_TEST_SUITE_END()
