// The text side of our small CLIP: fixed word vectors. A caption is the sum of one random unit vector per content word,
// normalised; words that only frame a caption ("a photo of the") count nothing, and neither does their order.
//
// In E dimensions random directions are orthogonal up to 1/√E, so the tasks' text heads hardly overlap; that overlap is
// what decides how much task vectors interfere (docs/world.md).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/tensor/tensor.hpp"

namespace models {

// Lower-case words of the caption without the framing ones. A hyphen or a byte of UTF-8 beyond ASCII is part of a word.
std::vector<std::string> content_words(std::string_view caption);

class WordVectors {
 public:
  explicit WordVectors(std::int64_t dimension) : dimension_(dimension) {}
  std::int64_t dimension() const noexcept { return dimension_; }

  // [N, E], rows of unit length. Throws std::invalid_argument for a caption without content words.
  engine::Tensor encode(const std::vector<std::string>& captions) const;

  // [K, E], rows of unit length: the mean of the vectors of class c's captions prompts[c], normalised. Throws likewise.
  engine::Tensor class_embeddings(const std::vector<std::vector<std::string>>& prompts) const;

 private:
  std::int64_t dimension_;
};

}  // namespace models
