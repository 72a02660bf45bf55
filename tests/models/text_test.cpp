// Word vectors and the heads made from them.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "engine/ops/ops.hpp"
#include "models/word_vectors.hpp"
#include "models/zero_shot_head.hpp"
#include "tests/support/check_error.hpp"
#include "tests/support/tensors.hpp"

using engine::Tensor;

BOOST_AUTO_TEST_SUITE(text)

BOOST_AUTO_TEST_CASE(only_content_words_count) {
  BOOST_CHECK(models::content_words("A photo of the traffic sign, No-Entry!") ==
              (std::vector<std::string>{"traffic", "sign", "no-entry"}));
  const models::WordVectors words(64);
  const Tensor rows = words.encode({"a photo of a digit seven", "the seven: DIGIT", "a digit eight"});
  tests::check_close(rows.slice(0, 0, 1), rows.slice(0, 1, 2), 1e-7, "order and framing");
  const double same = engine::dot(rows.slice(0, 0, 1), rows.slice(0, 1, 2)).tensor().item();
  const double other = engine::dot(rows.slice(0, 0, 1), rows.slice(0, 2, 3)).tensor().item();
  BOOST_CHECK_CLOSE(same, 1.0, 1e-4);
  BOOST_CHECK(other > 0.2 && other < 0.8);  // one of two words is shared
  BOOST_CHECK_THROW(words.encode({"a photo of the"}), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(a_head_prefers_the_class_whose_words_point_its_way) {
  const models::WordVectors words(32);
  const models::ZeroShotHead head(words.class_embeddings({{"digit one", "the digit one"}, {"digit two"}}), 10.0);
  const Tensor features = words.encode({"one", "two", "two"});
  BOOST_CHECK(head.predict(features) == (std::vector<std::int64_t>{0, 1, 1}));
  BOOST_CHECK_CLOSE(models::accuracy(head, features, Tensor::from<std::int64_t>({0, 1, 0}, {3})), 2.0 / 3.0, 1e-9);
  // Logits do not depend on the length of a feature, and lie within the scale.
  const Tensor logits = head.logits(engine::scale(features, 7.0)).tensor();
  tests::check_close(logits, head.logits(features).tensor(), 1e-6, "logits of longer features");
  for (const double logit : tests::values_of(logits)) BOOST_CHECK_LE(std::abs(logit), 10.001);
}

BOOST_AUTO_TEST_CASE(scores_that_are_not_finite_are_no_prediction) {
  const models::WordVectors words(8);
  const models::ZeroShotHead head(words.class_embeddings({{"digit one"}, {"digit two"}}), 10.0);
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    std::vector<float> values(24, 1.0F);
    values[13] = bad;  // in row 1
    tests::check_error(
        [&] {
          head.predict(Tensor::from<float>(values, {3, 8}));
        },
        "[zero_shot_head] ", "the scores of row 1 are not finite; the weights are damaged or training diverged.");
  }
  BOOST_CHECK_EXCEPTION(
      models::accuracy(head, Tensor::zeros({0, 8}), Tensor::zeros({0}, engine::DType::i64)), std::invalid_argument,
      [](const auto& error) { return std::string(error.what()) == "[accuracy] needs at least one row."; });
}

BOOST_AUTO_TEST_SUITE_END()
