#include "models/prompt_ensemble.hpp"

#include <algorithm>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <system_error>

#include "engine/ops/ops.hpp"
#include "engine/tensor/errors.hpp"
#include "engine/tensor/finite.hpp"
#include "engine/tensor/hash.hpp"
#include "engine/tensor/utf8.hpp"
#include "nn/safetensors.hpp"

namespace models {
namespace {

using engine::Tensor;
using Prompts = std::vector<std::vector<std::string>>;

constexpr std::size_t kTextsAtOnce = 64;
constexpr const char* kTensorName = "class_embeddings";
constexpr const char* kKeyName = "made_from";

void check_prompts(const Prompts& prompts) {
  if (prompts.empty()) throw std::invalid_argument("[prompt_ensemble] needs one class at least.");
  const auto empty = std::ranges::find_if(prompts, [](const auto& texts) { return texts.empty(); });
  if (empty == prompts.end()) return;
  throw std::invalid_argument("[prompt_ensemble] class " + std::to_string(empty - prompts.begin()) + " has no prompt.");
}

Tensor encode(const TextEncoder& encoder, const Tokenizer& tokenizer, const std::vector<std::string>& texts) {
  engine::Vars parts;
  for (std::size_t begin = 0; begin < texts.size(); begin += kTextsAtOnce) {
    const std::span<const std::string> some =
        std::span(texts).subspan(begin, std::min(kTextsAtOnce, texts.size() - begin));
    const Tensor features = encoder(tokenizer.tokenize(some));
    if (features.shape().rank() != 2 || features.shape()[0] != static_cast<std::int64_t>(some.size())) {
      throw engine::ShapeError("[prompt_ensemble] the text encoder must return a row for each of " +
                               std::to_string(some.size()) + " texts; arrived " + to_string(features.shape()) + ".");
    }
    parts.push_back(features);
  }
  return engine::concat(parts, 0).tensor();
}

std::string key_of(const std::string_view encoder_identity, const Tokenizer& tokenizer, const Prompts& prompts) {
  engine::Hash hash;
  const auto add = [&hash](const std::string_view text) {
    hash.add(text.size());
    hash.add(text);
  };
  add(encoder_identity);
  add(tokenizer.identity());
  hash.add(prompts.size());
  for (const std::vector<std::string>& texts : prompts) {
    hash.add(texts.size());
    for (const std::string& text : texts) add(text);
  }
  return hash.hex();
}

nn::SafetensorsFile read_kept(const std::filesystem::path& file) {
  try {
    return nn::read_safetensors(file);
  } catch (const std::runtime_error& error) {
    throw std::runtime_error("[prompt_ensemble] " + file.string() +
                             ": cannot be read; delete it, it is made again: " + error.what());
  }
}

}  // namespace

Tensor prompt_ensemble(const TextEncoder& encoder, const Tokenizer& tokenizer, const Prompts& prompts) {
  check_prompts(prompts);
  std::vector<std::string> texts;
  for (const std::vector<std::string>& own : prompts) texts.insert(texts.end(), own.begin(), own.end());
  const engine::Var unit = engine::l2_normalize(encode(encoder, tokenizer, texts));  // [ΣT, E]

  engine::Vars rows;
  std::int64_t begin = 0;
  for (const std::vector<std::string>& own : prompts) {
    const std::int64_t end = begin + static_cast<std::int64_t>(own.size());
    rows.push_back(engine::l2_normalize(
        reshape(engine::mean(unit.tensor().slice(0, begin, end), {0}), {1, unit.shape()[1]})));  // [1, E]
    if (engine::first_non_finite(rows.back().tensor())) {
      throw std::runtime_error("[prompt_ensemble] the prompts of class " + std::to_string(rows.size() - 1) + ", " +
                               engine::shown(own.front()) +
                               ", have no direction: a feature is zero, NaN or Inf; the weights are damaged.");
    }
    begin = end;
  }
  return engine::concat(rows, 0).tensor();
}

Tensor cached_prompt_ensemble(const std::filesystem::path& folder, const std::string_view encoder_identity,
                              const TextEncoder& encoder, const Tokenizer& tokenizer, const Prompts& prompts) {
  check_prompts(prompts);
  const std::string key = key_of(encoder_identity, tokenizer, prompts);
  const std::filesystem::path file = folder / ("zero_shot_" + key + ".safetensors");
  std::error_code error;
  if (std::filesystem::exists(file, error)) {
    const nn::SafetensorsFile saved = read_kept(file);
    const auto rows = saved.tensors.find(kTensorName);
    const auto made_from = saved.metadata.find(kKeyName);
    if (rows != saved.tensors.end() && rows->second.shape().rank() == 2 &&
        rows->second.shape()[0] == static_cast<std::int64_t>(prompts.size()) && made_from != saved.metadata.end() &&
        made_from->second == key) {
      return rows->second;
    }
    throw std::runtime_error("[prompt_ensemble] " + file.string() + ": does not hold the embeddings of " +
                             std::to_string(prompts.size()) + " classes that its name promises; delete it.");
  }
  std::filesystem::create_directories(folder, error);  // if that fails, so does writing, and tells why
  const Tensor rows = prompt_ensemble(encoder, tokenizer, prompts);
  nn::write_safetensors(file, {{kTensorName, rows}}, {{kKeyName, key}});
  return rows;
}

}  // namespace models
