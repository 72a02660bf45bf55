#include "experiments/common/text_embedder.hpp"

#include "experiments/common/captions.hpp"
#include "models/word_vectors.hpp"

namespace experiments {

TextEmbedder word_vectors(std::int64_t dimension) {
  return {zero_shot_prompts,
          [words = models::WordVectors(dimension)](const auto& prompts) { return words.class_embeddings(prompts); },
          {}};
}

}  // namespace experiments
