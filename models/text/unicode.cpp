#include "models/text/unicode.hpp"

#include <algorithm>
#include <cstdint>
#include <span>
#include <unordered_map>

#include "models/text/unicode_tables.hpp"

namespace models {
namespace {

using tables::Decomposition;

// The row that holds `code`, of rows sorted by their first code; null if there is none.
template <class Row>
const Row* row_of(const std::span<const Row> rows, const char32_t code) noexcept {
  const auto after = std::ranges::upper_bound(rows, code, {}, &Row::first);
  if (after == rows.begin()) return nullptr;
  const Row& row = *(after - 1);
  return code <= row.last ? &row : nullptr;
}

char32_t shifted(const std::span<const tables::CodeShift> rows, const char32_t code) noexcept {
  const tables::CodeShift* const row = row_of(rows, code);
  if (row == nullptr || (code - row->first) % row->step != 0) return code;
  return static_cast<char32_t>(static_cast<std::int32_t>(code) + row->distance);
}

constexpr char32_t kCapitalSigma = 0x3A3;

// Whether the capital sigma at `place` ends a word [Unicode, table 3-17, Final_Sigma].
bool ends_word(const std::u32string_view text, const std::size_t place) {
  const auto ignored = [](const char32_t code) { return row_of(tables::case_ignorable(), code) != nullptr; };
  const auto cased = [](const char32_t code) { return row_of(tables::cased(), code) != nullptr; };
  const std::u32string_view before = text.substr(0, place);
  const auto last = std::find_if_not(before.rbegin(), before.rend(), ignored);
  if (last == before.rend() || !cased(*last)) return false;
  const std::u32string_view after = text.substr(place + 1);
  const auto next = std::find_if_not(after.begin(), after.end(), ignored);
  return next == after.end() || !cased(*next);
}

// Hangul syllables are numbered by their two or three letters [Unicode, section 3.12].
constexpr char32_t kSyllable = 0xAC00, kLead = 0x1100, kVowel = 0x1161, kTail = 0x11A7;
constexpr char32_t kLeads = 19, kVowels = 21, kTails = 28;

std::uint32_t order_of(const char32_t code) noexcept {
  if (code < 0x300) return 0;
  const tables::CombiningRange* const row = row_of(tables::combining(), code);
  return row == nullptr ? 0 : row->order;
}

const Decomposition* decomposition_of(const char32_t code) noexcept {
  for (const std::span<const Decomposition> rows : {tables::composed(), tables::decomposed()}) {
    const auto row = std::ranges::lower_bound(rows, code, {}, &Decomposition::code);
    if (row != rows.end() && row->code == code) return &*row;
  }
  return nullptr;
}

void append_decomposed(std::u32string& out, char32_t code) {
  if (code >= kSyllable && code < kSyllable + kLeads * kVowels * kTails) {
    code -= kSyllable;
    out += {kLead + code / (kVowels * kTails), kVowel + code / kTails % kVowels};
    if (code % kTails != 0) out += kTail + code % kTails;
    return;
  }
  const Decomposition* const parts = code < 0xC0 ? nullptr : decomposition_of(code);
  if (parts == nullptr) {
    out += code;
    return;
  }
  append_decomposed(out, parts->first);
  if (parts->second != 0) append_decomposed(out, parts->second);
}

std::uint64_t pair_key(const char32_t first, const char32_t second) noexcept {
  return std::uint64_t{first} << 32 | second;
}

char32_t composition_of(const char32_t first, const char32_t second) {  // 0: there is none
  if (first - kLead < kLeads && second - kVowel < kVowels) {
    return kSyllable + ((first - kLead) * kVowels + (second - kVowel)) * kTails;
  }
  if (first - kSyllable < kLeads * kVowels * kTails && (first - kSyllable) % kTails == 0 && second > kTail &&
      second < kTail + kTails) {
    return first + (second - kTail);
  }
  static const std::unordered_map<std::uint64_t, char32_t> pairs = [] {
    std::unordered_map<std::uint64_t, char32_t> all;
    for (const Decomposition& row : tables::composed()) all.emplace(pair_key(row.first, row.second), row.code);
    return all;
  }();
  const auto found = pairs.find(pair_key(first, second));
  return found == pairs.end() ? 0 : found->second;
}

// Marks that follow one another in the order of their classes.
void order_marks(std::u32string& text) {
  for (std::size_t begin = 0; begin < text.size();) {
    std::size_t end = begin;
    while (end < text.size() && order_of(text[end]) != 0) ++end;
    std::stable_sort(text.begin() + static_cast<std::ptrdiff_t>(begin), text.begin() + static_cast<std::ptrdiff_t>(end),
                     [](const char32_t a, const char32_t b) { return order_of(a) < order_of(b); });
    begin = end + 1;
  }
}

}  // namespace

CharacterKind kind_of(const char32_t code) noexcept {
  constexpr char32_t kCombiningIota = 0x345;  // folds to a letter without being one
  if (is_space(code) || code == kCombiningIota) return CharacterKind::none;
  if (row_of(tables::letters(), code) != nullptr) return CharacterKind::letter;
  return row_of(tables::numbers(), code) != nullptr ? CharacterKind::number : CharacterKind::other;
}

bool is_space(const char32_t code) noexcept {
  if (code < 0x80) return code == ' ' || (code >= 0x09 && code <= 0x0D) || (code >= 0x1C && code <= 0x1F);
  constexpr std::u32string_view kSpaces = U"\u0085\u00A0\u1680\u2028\u2029\u202F\u205F\u3000";
  return (code >= 0x2000 && code <= 0x200A) || kSpaces.find(code) != std::u32string_view::npos;
}

std::u32string lower_case(const std::u32string_view text) {
  constexpr char32_t kDottedCapitalI = 0x130;
  std::u32string lower;
  lower.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == kDottedCapitalI) {
      lower += U"i\u0307";
    } else if (text[i] == kCapitalSigma && ends_word(text, i)) {
      lower += U'\u03C2';
    } else {
      lower += shifted(tables::lower(), text[i]);
    }
  }
  return lower;
}

std::u32string nfc(const std::u32string_view text) {
  if (std::ranges::all_of(text, [](const char32_t code) { return code < 0x300; })) return std::u32string(text);
  std::u32string parts;
  for (const char32_t code : text) append_decomposed(parts, code);
  order_marks(parts);

  std::u32string whole;
  std::size_t starter = std::u32string::npos;  // in `whole`: what the next mark may join
  std::uint32_t last_order = 0;
  for (const char32_t code : parts) {
    const std::uint32_t order = order_of(code);
    if (starter != std::u32string::npos && (starter + 1 == whole.size() || last_order < order)) {
      if (const char32_t joined = composition_of(whole[starter], code); joined != 0) {
        whole[starter] = joined;
        continue;
      }
    }
    if (order == 0) starter = whole.size();
    last_order = order;
    whole += code;
  }
  return whole;
}

void append_standard_width(std::u32string& text, const char32_t code) {
  if (code == 0xFFE3) {
    text += U" \u0304";
  } else {
    text += code == 0x3000 ? U' ' : code < 0xFF01 ? code : shifted(tables::width(), code);
  }
}

}  // namespace models
