#include "models/text/repair.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "models/text/html.hpp"
#include "models/text/unicode.hpp"
#include "models/text/wrong_encoding.hpp"

namespace models {
namespace {

constexpr std::size_t kLongestSegment = 1'000'000;  // ftfy's max_decode_length

std::u32string_view without_ligature(const char32_t code) noexcept {
  using Row = std::pair<char32_t, std::u32string_view>;
  constexpr std::array<Row, 22> kLigatures = {
      {{0x132, U"IJ"},       {0x133, U"ij"},  {0x149, U"\u02BCn"}, {0x1C4, U"D\u017D"}, {0x1C5, U"D\u017E"},
       {0x1C6, U"d\u017E"},  {0x1C7, U"LJ"},  {0x1C8, U"Lj"},      {0x1C9, U"lj"},      {0x1CA, U"NJ"},
       {0x1CB, U"Nj"},       {0x1CC, U"nj"},  {0x1F1, U"DZ"},      {0x1F2, U"Dz"},      {0x1F3, U"dz"},
       {0xFB00, U"ff"},      {0xFB01, U"fi"}, {0xFB02, U"fl"},     {0xFB03, U"ffi"},    {0xFB04, U"ffl"},
       {0xFB05, U"\u017Ft"}, {0xFB06, U"st"}}};
  const auto row = std::ranges::lower_bound(kLigatures, code, {}, &Row::first);
  return row != kLigatures.end() && row->first == code ? row->second : std::u32string_view();
}

char32_t straight(const char32_t code) noexcept {
  if (code == 0x2BC || (code >= 0x2018 && code <= 0x201B)) return '\'';
  return code >= 0x201C && code <= 0x201F ? U'"' : code;
}

// Every character by itself: ligatures, then widths, then quotes.
std::u32string plain_forms(const std::u32string_view text) {
  std::u32string taken_apart;
  for (const char32_t code : text) {
    const std::u32string_view letters = without_ligature(code);
    if (letters.empty()) {
      append_standard_width(taken_apart, code);
    } else {
      taken_apart += letters;
    }
  }
  std::ranges::transform(taken_apart, taken_apart.begin(), straight);
  return taken_apart;
}

std::u32string unix_lines(const std::u32string_view text) {
  std::u32string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool ends_line = text[i] == '\r' || text[i] == 0x2028 || text[i] == 0x2029 || text[i] == 0x85;
    if (text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n') continue;
    out += ends_line ? U'\n' : text[i];
  }
  return out;
}

// The length of a terminal's "ESC [ 1 ; 31 m" at the beginning of `text`; 0 if there is none.
std::size_t escape_length(const std::u32string_view text) noexcept {
  if (!text.starts_with(U"\x1B[")) return 0;
  const std::size_t letter = text.find_first_not_of(U"0123456789;", 2);
  const bool ends = letter != std::u32string_view::npos && text[letter] < 0x80 && (text[letter] | 0x20) >= 'a' &&
                    (text[letter] | 0x20) <= 'z';
  return ends ? letter + 1 : 0;
}

bool is_unwanted_control(const char32_t code) noexcept {
  return code < 0x09 || code == 0x0B || (code >= 0x0E && code < 0x20) || code == 0x7F ||
         (code >= 0x206A && code <= 0x206F) || code == 0xFEFF || (code >= 0xFFF9 && code <= 0xFFFC);
}

std::u32string without_controls(const std::u32string_view text) {
  std::u32string kept;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t escape = escape_length(text.substr(i));
    if (escape == 0 && !is_unwanted_control(text[i])) kept += text[i];
    i += std::max<std::size_t>(escape, 1);
  }
  return kept;
}

std::u32string repair_segment(std::u32string text, const bool with_references) {
  for (std::u32string before; before != text;) {
    before = text;
    if (with_references) text = unescape_whole_references(text);
    text = nfc(without_controls(unix_lines(plain_forms(fix_encoding(std::move(text))))));
  }
  return text;
}

bool needs_no_repair(const std::u32string_view text) noexcept {
  return std::ranges::all_of(text, [](const char32_t code) { return code >= 0x20 && code < 0x7F && code != '&'; });
}

std::u32string single_spaced(const std::u32string_view text) {
  std::u32string out;
  for (const char32_t code : text) {
    if (!is_space(code)) {
      out += code;
    } else if (!out.empty() && out.back() != ' ') {
      out += U' ';
    }
  }
  if (out.ends_with(U' ')) out.pop_back();
  return out;
}

}  // namespace

std::u32string repair(const std::u32string_view text) {
  if (needs_no_repair(text)) return std::u32string(text);
  std::u32string repaired;
  bool with_references = true;  // until there is a tag: what comes after is HTML, and is left to its reader
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t line_end = text.find(U'\n', begin);
    const std::size_t length =
        std::min(line_end == std::u32string_view::npos ? text.size() - begin : line_end + 1 - begin, kLongestSegment);
    const std::u32string_view segment = text.substr(begin, length);
    with_references = with_references && segment.find(U'<') == std::u32string_view::npos;
    repaired += repair_segment(std::u32string(segment), with_references);
    begin += length;
  }
  return repaired;
}

std::u32string clean(const std::u32string_view text) {
  return lower_case(single_spaced(unescape_html(unescape_html(repair(text)))));
}

}  // namespace models
