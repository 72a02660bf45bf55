#include "models/word_vectors.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <stdexcept>

#include "engine/ops/ops.hpp"
#include "engine/tensor/hash.hpp"
#include "engine/tensor/random.hpp"

namespace models {
namespace {

constexpr std::array<std::string_view, 15> kFraming{
    "a", "an", "the", "of", "in", "on", "with", "its", "and", "picture", "photo", "image", "scan", "drawing", "from"};

constexpr std::uint64_t kStream = 0x574F5244;  // keeps word vectors apart from every other use of a seed

std::vector<double> vector_of(std::string_view word, std::int64_t dimension) {
  engine::Random random({kStream, engine::hash_of(word)});
  std::vector<double> values;
  double squares = 0.0;
  for (std::int64_t i = 0; i < dimension; ++i) {
    values.push_back(random.normal());
    squares += values.back() * values.back();
  }
  for (double& value : values) value /= std::sqrt(squares);
  return values;
}

}  // namespace

std::vector<std::string> content_words(std::string_view caption) {
  std::vector<std::string> words;
  std::string word;
  const auto finish = [&] {
    if (!word.empty() && std::ranges::find(kFraming, word) == kFraming.end()) words.push_back(word);
    word.clear();
  };
  for (const char c : caption) {
    const unsigned char byte = static_cast<unsigned char>(c);
    if (byte >= 0x80 || c == '-' || std::isalnum(byte) != 0) {
      word += static_cast<char>(byte < 0x80 ? std::tolower(byte) : byte);
    } else {
      finish();
    }
  }
  finish();
  return words;
}

engine::Tensor WordVectors::encode(const std::vector<std::string>& captions) const {
  std::vector<float> rows;
  for (const std::string& caption : captions) {
    const std::vector<std::string> words = content_words(caption);
    if (words.empty()) throw std::invalid_argument("[word_vectors] the caption '" + caption + "' has no content word.");
    std::vector<double> sum(static_cast<std::size_t>(dimension_), 0.0);
    for (const std::string& word : words) {
      const std::vector<double> vector = vector_of(word, dimension_);
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += vector[i];
    }
    double squares = 0.0;
    for (const double value : sum) squares += value * value;
    for (const double value : sum) rows.push_back(static_cast<float>(value / std::sqrt(squares)));
  }
  return engine::Tensor::from<float>(rows, {static_cast<std::int64_t>(captions.size()), dimension_});
}

engine::Tensor WordVectors::class_embeddings(const std::vector<std::vector<std::string>>& prompts) const {
  engine::Vars rows;
  for (const std::vector<std::string>& captions : prompts)
    rows.push_back(reshape(engine::mean(encode(captions), {0}), {1, dimension_}));
  return engine::l2_normalize(engine::concat(rows, 0)).tensor();
}

}  // namespace models
