// How the words of a task become the rows of its zero-shot head: what a pre-trained model has for a text side.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "datasets/task_text.hpp"
#include "engine/tensor/tensor.hpp"

namespace experiments {

struct TextEmbedder {
  using Prompts = std::vector<std::vector<std::string>>;       // of each class
  Prompts (*prompts)(const datasets::TaskText& text);          // what it is asked with
  std::function<engine::Tensor(const Prompts& prompts)> rows;  // [K, E], each of unit length
  // Of all that decides the rows besides the prompts and E. Empty for word vectors, which nothing else decides.
  std::string identity;
};

// The fixed word vectors of the models trained here (models/word_vectors.hpp), of the classes' rarer words.
TextEmbedder word_vectors(std::int64_t dimension);

}  // namespace experiments
