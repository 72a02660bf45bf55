// CLIP's vocabulary: byte pair encoding over the bytes of UTF-8 [Sennrich et al. 2016; Radford et al. 2021, section 2.4].
// A symbol is one byte or two joined symbols; the last of a word is another symbol than the same within one ("</w>").
//
// Files, told apart by what they hold:
//   bpe_simple_vocab_16e6.txt.gz  a header line, then a merge "a b" a line; gzip or not. Ids: 256 bytes, 256 last bytes,
//                                 merges in their order, start, end [github.com/openai/CLIP]
//   vocab.json + merges.txt       {"symbol": id, ...} and the same merges [github.com/huggingface/transformers]
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <unordered_map>

namespace models {

class Vocabulary {
 public:
  // `where` is a folder that holds one of the two, or the first file itself. `size` is the number of ids, that of the
  // rows of the model's token embedding. Throws std::runtime_error naming the file, and the line or symbol, if a file
  // cannot be read, is not of its form, or makes another number of symbols.
  explicit Vocabulary(const std::filesystem::path& where, std::int64_t size = 49408);

  struct Merge {
    std::int32_t rank;  // the lowest is made first
    std::int32_t id;
  };
  const Merge* merge_of(std::int32_t left, std::int32_t right) const;  // null: the two do not join
  std::int32_t byte_id(unsigned char byte, bool is_last) const { return bytes_[is_last ? 1 : 0][byte]; }
  std::int64_t size() const noexcept { return size_; }
  std::int32_t start() const noexcept { return start_; }
  std::int32_t end() const noexcept { return end_; }  // the largest id: that is how the text tower finds the end
  const std::string& identity() const noexcept { return identity_; }  // equal if and only if all ids are

 private:
  std::int64_t size_;
  std::array<std::array<std::int32_t, 256>, 2> bytes_{};
  std::unordered_map<std::uint64_t, Merge> merges_;  // of the two ids
  std::int32_t start_ = 0;
  std::int32_t end_ = 0;
  std::string identity_;
};

}  // namespace models
