// CLIP's tokenizer: text -> ids, equal to those of the original code        [github.com/openai/CLIP, simple_tokenizer.py;
// github.com/mlfoundations/open_clip, tokenizer.py]. Text is cleaned (models/text/repair.hpp), cut into words, digits
// and runs of other signs, and each of these is encoded by itself. docs/clip_text.md tells where the ids may differ.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/tensor/tensor.hpp"
#include "models/vocabulary.hpp"

namespace models {

enum class TooLong { cut, refuse };  // open_clip cuts, OpenAI's code refuses unless told to cut

struct TokenizerOptions {
  std::int64_t context = 77;  // tokens of a text, start and end included
  TooLong too_long = TooLong::cut;
  // What stands for the two special tokens within a text; open_clip writes <start_of_text> and <end_of_text>.
  std::string start_text = "<|startoftext|>";
  std::string end_text = "<|endoftext|>";
};

class Tokenizer {  // const members may be called by several threads at once
 public:
  explicit Tokenizer(Vocabulary vocabulary, TokenizerOptions options = {});

  // The ids without start and end. Throws std::invalid_argument if `text` is not UTF-8.
  std::vector<std::int64_t> encode(std::string_view text) const;

  // [N, context] i64: start, ids, end, zeros. A text that is too long loses its last ids, never the end. Throws
  // std::invalid_argument telling which text is not UTF-8 or, if told to refuse them, too long.
  engine::Tensor tokenize(std::span<const std::string> texts) const;

  const Vocabulary& vocabulary() const noexcept { return vocabulary_; }
  std::int64_t context() const noexcept { return options_.context; }
  std::string identity() const;  // equal if and only if all ids of all texts are

 private:
  struct Piece {
    std::size_t length;    // 0: white space
    std::int32_t special;  // the id of a special token; -1 for all else
  };
  Piece next_piece(std::u32string_view rest) const;

  Vocabulary vocabulary_;
  TokenizerOptions options_;
  std::u32string start_text_;
  std::u32string end_text_;
};

}  // namespace models
