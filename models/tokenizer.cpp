#include "models/tokenizer.hpp"

#include <algorithm>
#include <array>
#include <queue>
#include <stdexcept>
#include <tuple>
#include <utility>

#include "engine/tensor/hash.hpp"
#include "engine/tensor/utf8.hpp"
#include "models/text/repair.hpp"
#include "models/text/unicode.hpp"

namespace models {
namespace {

// The original's pattern ignores case, and in that sense the long s is an s.
char32_t folded(const char32_t code) noexcept { return code == 0x17F ? U's' : code; }

bool begins_with(const std::u32string_view text, const std::u32string_view beginning) {
  return text.size() >= beginning.size() && std::ranges::equal(text.substr(0, beginning.size()), beginning, {}, folded);
}

std::size_t contraction_length(const std::u32string_view text) {
  constexpr std::array<std::u32string_view, 7> kContractions = {U"'s", U"'t", U"'re", U"'ve", U"'m", U"'ll", U"'d"};
  const auto found =
      std::ranges::find_if(kContractions, [text](const auto& ending) { return begins_with(text, ending); });
  return found == kContractions.end() ? 0 : found->size();
}

// The length of the word, digit or run of signs that `text` begins with; 0 if it begins with white space.
std::size_t piece_length(const std::u32string_view text) {
  if (const std::size_t length = contraction_length(text); length > 0) return length;
  const CharacterKind kind = kind_of(text.front());
  if (kind == CharacterKind::none) return 0;
  if (kind == CharacterKind::number) return 1;
  const auto end = std::ranges::find_if(text, [kind](const char32_t code) { return kind_of(code) != kind; });
  return static_cast<std::size_t>(end - text.begin());
}

// The symbols of one piece: its bytes, and then the neighbours of lowest rank joined, the left ones first, until no two
// neighbours join. A list of symbols and a queue of pairs: n log n steps for n bytes.
std::vector<std::int32_t> join_pairs(const Vocabulary& vocabulary, const std::string_view bytes) {
  struct Symbol {
    std::int32_t id;  // negative once it is part of the one before it
    std::size_t previous;
    std::size_t next;
  };
  struct Pair {
    std::int32_t rank;
    std::size_t left;
    std::int32_t left_id;
    std::int32_t right_id;
    bool operator>(const Pair& other) const noexcept { return std::tie(rank, left) > std::tie(other.rank, other.left); }
  };
  const std::size_t n = bytes.size();
  std::vector<Symbol> symbols;
  for (std::size_t i = 0; i < n; ++i) {
    symbols.push_back({vocabulary.byte_id(static_cast<unsigned char>(bytes[i]), i + 1 == n), i - 1, i + 1});
  }
  std::priority_queue<Pair, std::vector<Pair>, std::greater<>> pairs;
  const auto offer = [&](const std::size_t left) {
    const std::size_t right = symbols[left].next;
    if (right >= n) return;
    const Vocabulary::Merge* const merge = vocabulary.merge_of(symbols[left].id, symbols[right].id);
    if (merge != nullptr) pairs.push({merge->rank, left, symbols[left].id, symbols[right].id});
  };
  for (std::size_t i = 0; i < n; ++i) offer(i);
  while (!pairs.empty()) {
    const Pair pair = pairs.top();
    pairs.pop();
    Symbol& left = symbols[pair.left];
    if (left.id != pair.left_id || left.next >= n || symbols[left.next].id != pair.right_id) continue;  // joined since
    Symbol& right = symbols[left.next];
    left.id = vocabulary.merge_of(left.id, right.id)->id;
    left.next = right.next;
    right.id = -1;
    if (left.next < n) symbols[left.next].previous = pair.left;
    offer(pair.left);
    if (pair.left > 0) offer(left.previous);
  }
  std::vector<std::int32_t> ids;
  for (const Symbol& symbol : symbols) {
    if (symbol.id >= 0) ids.push_back(symbol.id);
  }
  return ids;
}

}  // namespace

Tokenizer::Tokenizer(Vocabulary vocabulary, TokenizerOptions options)
    : vocabulary_(std::move(vocabulary)),
      options_(std::move(options)),
      start_text_(engine::from_utf8(options_.start_text)),
      end_text_(engine::from_utf8(options_.end_text)) {
  if (options_.context < 2) {
    throw std::invalid_argument("[tokenizer] the context needs two tokens, for start and end; arrived " +
                                std::to_string(options_.context) + ".");
  }
}

std::vector<std::int64_t> Tokenizer::encode(const std::string_view text) const {
  if (const std::size_t at = engine::invalid_utf8(text); at != std::string_view::npos) {
    throw std::invalid_argument("[tokenizer] the text is not UTF-8 at byte " + std::to_string(at) + ": " +
                                engine::shown(text) + "; write it in UTF-8.");
  }
  const std::u32string cleaned = clean(engine::from_utf8(text));
  std::vector<std::int64_t> ids;
  for (std::u32string_view rest = cleaned; !rest.empty();) {
    const Piece piece = next_piece(rest);
    if (piece.special >= 0) {
      ids.push_back(piece.special);
    } else if (piece.length > 0) {
      const std::vector<std::int32_t> symbols = join_pairs(vocabulary_, engine::to_utf8(rest.substr(0, piece.length)));
      ids.insert(ids.end(), symbols.begin(), symbols.end());
    }
    rest.remove_prefix(std::max<std::size_t>(piece.length, 1));
  }
  return ids;
}

Tokenizer::Piece Tokenizer::next_piece(const std::u32string_view rest) const {
  for (const auto& [special, id] : {std::pair<std::u32string_view, std::int32_t>(start_text_, vocabulary_.start()),
                                    std::pair<std::u32string_view, std::int32_t>(end_text_, vocabulary_.end())}) {
    // With a long s for an s it is cut off like a special token, but is a word.
    if (!special.empty() && begins_with(rest, special)) return {special.size(), rest.starts_with(special) ? id : -1};
  }
  return {piece_length(rest), -1};
}

engine::Tensor Tokenizer::tokenize(const std::span<const std::string> texts) const {
  const std::size_t context = static_cast<std::size_t>(options_.context);
  std::vector<std::int64_t> rows(texts.size() * context, 0);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    std::vector<std::int64_t> ids = encode(texts[i]);
    if (ids.size() + 2 > context) {
      if (options_.too_long == TooLong::refuse) {
        throw std::invalid_argument("[tokenizer] a text takes " + std::to_string(ids.size() + 2) +
                                    " tokens; the context has " + std::to_string(context) + ": " +
                                    engine::shown(texts[i]) + "; shorten it.");
      }
      ids.resize(context - 2);
    }
    std::int64_t* const row = rows.data() + i * context;
    row[0] = vocabulary_.start();
    std::ranges::copy(ids, row + 1);
    row[ids.size() + 1] = vocabulary_.end();
  }
  return engine::Tensor::from<std::int64_t>(rows, {static_cast<std::int64_t>(texts.size()), options_.context});
}

std::string Tokenizer::identity() const {
  engine::Hash hash;
  hash.add(vocabulary_.identity());
  for (const std::string& special : {options_.start_text, options_.end_text}) {
    hash.add(special.size());
    hash.add(special);
  }
  hash.add(static_cast<std::uint64_t>(options_.context));
  return hash.hex();
}

}  // namespace models
