#include "models/text/wrong_encoding.hpp"

#include <optional>
#include <string_view>

#include "engine/tensor/utf8.hpp"
#include "models/text/html.hpp"
#include "models/text/unicode.hpp"

namespace models {
namespace {

bool is_c1(const char32_t code) noexcept { return code >= 0x80 && code < 0xA0; }

bool is_one_of(const char32_t code, const std::u32string_view set) noexcept {
  return set.find(code) != std::u32string_view::npos;
}

bool is_word(const char32_t code) noexcept {
  const CharacterKind kind = kind_of(code);
  return kind == CharacterKind::letter || kind == CharacterKind::number || code == '_';
}

// Whether a letter that is the first byte of a sequence, and what follows as its others, is unlikely to be meant: "Ã©",
// "â€™", but not "É’" nor "É”", with which a quotation may end.
bool looks_wrong(const std::u32string_view text, const std::size_t place, const std::size_t length) noexcept {
  constexpr std::u32string_view kNeverBesideLetters = U"ƒ†‡ˆ‰˜¤¦¨ª¬¯¸º€¢£¥";
  constexpr std::u32string_view kNeverAfterCapitals = U"§°±²³µ¶¹¼½¾";
  constexpr std::u32string_view kNeverWithinWords = U"‚„‹‘“•¡©«¿”™›®»";
  constexpr std::u32string_view kCommonestFirsts = U"ÂÃÎÐ";  // of sequences for Latin, Greek and Cyrillic letters
  constexpr std::u32string_view kFaces = U"ÒÓÔÕÖÙÚÛ";        // people draw faces with O and U
  const char32_t first = text[place];
  for (std::size_t i = place + 1; i < place + length; ++i) {
    const char32_t code = text[i];
    const char32_t next = i + 1 < text.size() ? text[i + 1] : U'a';
    const bool within_word = i + 1 < text.size() && is_word(next);
    const bool ends_with_ligature = is_one_of(code, U"Œœ") && ((next | 0x20) < 'a' || (next | 0x20) > 'z');
    if (is_c1(code) || (is_one_of(first, kCommonestFirsts) && !is_one_of(code, U"…’ŽŒ"))) return true;
    if (ends_with_ligature) return true;
    if (is_one_of(first, kFaces)) continue;
    if (is_one_of(code, kNeverBesideLetters) || (within_word && is_one_of(code, kNeverWithinWords))) return true;
    if (length == 2 && !is_one_of(first, U"×Þß") && is_one_of(code, kNeverAfterCapitals)) return true;
  }
  return false;
}

std::optional<char> byte_in_windows_1252(const char32_t code) noexcept {
  if (code < 0x100) return static_cast<char>(code);
  for (int byte = 0x80; byte < 0xA0; ++byte) {
    if (windows_1252(static_cast<unsigned char>(byte)) == code) return static_cast<char>(byte);
  }
  return std::nullopt;
}

std::u32string read_again(const std::u32string_view text) {
  std::string bytes;
  for (const char32_t code : text) {
    const std::optional<char> byte = byte_in_windows_1252(code);
    if (!byte) return std::u32string(text);
    bytes += *byte;
  }
  if (engine::invalid_utf8(bytes) != std::string::npos) return std::u32string(text);
  for (std::size_t i = 0; i < bytes.size();) {
    const unsigned char first = static_cast<unsigned char>(bytes[i]);
    const std::size_t length = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    if (length > 1 && looks_wrong(text, i, length)) return engine::from_utf8(bytes);
    i += length;
  }
  return std::u32string(text);
}

}  // namespace

std::u32string fix_encoding(std::u32string text) {
  for (std::u32string before; before != text;) {
    before = text;
    text = read_again(text);
    if (text != before) continue;
    for (char32_t& code : text) {
      if (is_c1(code)) code = windows_1252(static_cast<unsigned char>(code));
    }
  }
  return text;
}

}  // namespace models
