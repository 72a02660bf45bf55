#include "models/text/html.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

#include "models/text/html_entities.hpp"

namespace models {
namespace {

constexpr char32_t kReplacement = 0xFFFD;
constexpr char32_t kLastCode = 0x10FFFF;

bool is_digit(const char32_t code) noexcept { return code >= '0' && code <= '9'; }
bool is_latin(const char32_t code) noexcept { return (code | 0x20) >= 'a' && (code | 0x20) <= 'z'; }
bool is_hex(const char32_t code) noexcept { return is_digit(code) || ((code | 0x20) >= 'a' && (code | 0x20) <= 'f'); }
bool is_name(const char32_t code) noexcept {
  return std::u32string_view(U"\t\n\f <&#;").find(code) == std::u32string_view::npos;
}

const tables::Entity* find(const std::span<const tables::Entity> rows, const std::string_view name) noexcept {
  const auto row = std::ranges::lower_bound(rows, name, {}, &tables::Entity::name);
  return row != rows.end() && row->name == name ? &*row : nullptr;
}

void append(std::u32string& out, const tables::Entity& entity) {
  for (const char32_t code : entity.codes) {
    if (code != 0) out += code;
  }
}

// The names have ASCII letters only; any other becomes one that no name has.
std::string narrow(const std::u32string_view text) {
  std::string name;
  for (const char32_t code : text) name += code < 0x80 ? static_cast<char>(code) : '?';
  return name;
}

std::size_t count_while(const std::u32string_view text, bool (*belongs)(char32_t), const std::size_t most) noexcept {
  const std::u32string_view part = text.substr(0, most);
  return static_cast<std::size_t>(std::ranges::find_if_not(part, belongs) - part.begin());
}

// The length of the reference that follows an '&', its semicolon included; 0 if none does.
std::size_t reference_length(const std::u32string_view rest) noexcept {
  std::size_t length = 0;
  if (rest.starts_with(U'#')) {
    const bool hex = rest.size() > 1 && (rest[1] | 0x20) == 'x';
    const std::size_t sign = hex ? 2 : 1;
    const std::size_t digits = count_while(rest.substr(sign), hex ? is_hex : is_digit, rest.size());
    if (digits == 0) return 0;
    length = sign + digits;
  } else {
    length = count_while(rest, is_name, 32);
    if (length == 0) return 0;
  }
  return length < rest.size() && rest[length] == ';' ? length + 1 : length;
}

void append_number(std::u32string& out, std::u32string_view digits, const char32_t base) {
  std::uint32_t code = 0;  // held at one beyond the last
  for (const char32_t digit : digits) {
    const std::uint32_t value = is_digit(digit) ? digit - '0' : (digit | 0x20) - 'a' + 10;
    code = std::min<std::uint32_t>(code * base + value, kLastCode + 1);
  }
  const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
  const bool nothing = code < 0x09 || code == 0x0B || (code > 0x0D && code < 0x20) || code == 0x7F ||
                       (code >= 0xFDD0 && code <= 0xFDEF) || (code & 0xFFFE) == 0xFFFE;
  if (code == 0 || surrogate || code > kLastCode) {
    out += kReplacement;
  } else if (code >= 0x80 && code < 0xA0) {
    out += windows_1252(static_cast<unsigned char>(code));
  } else if (!nothing) {
    out += code;
  }
}

// `reference` is what follows the '&'.
void append_meaning(std::u32string& out, const std::u32string_view reference) {
  if (reference.starts_with(U'#')) {
    std::u32string_view digits = reference.substr(1);
    if (digits.ends_with(U';')) digits.remove_suffix(1);
    const bool hex = (digits[0] | 0x20) == 'x';
    append_number(out, digits.substr(hex ? 1 : 0), hex ? 16 : 10);
    return;
  }
  const std::string name = narrow(reference);
  for (std::size_t length = name.size(); length > 0; --length) {
    if (length == 1 && name.size() > 1) break;  // a shorter name than the whole has two letters at least
    const tables::Entity* const entity = find(tables::entities(), std::string_view(name).substr(0, length));
    if (entity == nullptr) continue;
    append(out, *entity);
    out += reference.substr(length);
    return;
  }
  out += U'&';
  out += reference;
}

bool append_capital(std::u32string& out, const std::u32string_view reference) {
  std::string name = narrow(reference);
  if (std::ranges::any_of(name, [](const char c) { return c >= 'a' && c <= 'z'; })) return false;
  std::u32string meaning;
  append_meaning(meaning, reference);
  if (meaning.substr(1) != reference) return false;  // HTML finds a shorter name in it
  if (const tables::Entity* const capital = find(tables::capital_entities(), name); capital != nullptr) {
    append(out, *capital);
    return true;
  }
  std::ranges::transform(name, name.begin(),
                         [](const char c) { return static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c); });
  const tables::Entity* const entity = find(tables::entities(), name);
  if (entity != nullptr) append(out, *entity);
  return entity != nullptr;
}

}  // namespace

std::u32string unescape_html(const std::u32string_view text) {
  std::u32string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::size_t length = text[i] == '&' ? reference_length(text.substr(i + 1)) : 0;
    if (length == 0) {
      out += text[i];
    } else {
      append_meaning(out, text.substr(i + 1, length));
      i += length;
    }
  }
  return out;
}

std::u32string unescape_whole_references(const std::u32string_view text) {
  constexpr std::size_t kLongest = 24;
  std::u32string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    out += text[i];
    if (text[i] != '&') continue;
    const std::u32string_view rest = text.substr(i + 1);
    const std::size_t sign = rest.starts_with(U'#') ? 1 : 0;
    const std::size_t letters = count_while(
        rest.substr(sign), [](const char32_t code) { return is_digit(code) || is_latin(code); }, kLongest);
    const std::size_t length = sign + letters + 1;
    if (letters == 0 || rest.size() < length || rest[length - 1] != ';') continue;

    const std::u32string_view reference = rest.substr(0, length);
    std::u32string meaning;
    if (sign == 1) {
      meaning = unescape_html(text.substr(i, length + 1));
      if (meaning.find(U';') != std::u32string::npos) continue;
    } else if (const tables::Entity* const entity = find(tables::entities(), narrow(reference)); entity != nullptr) {
      append(meaning, *entity);
    } else if (!append_capital(meaning, reference)) {
      continue;
    }
    out.pop_back();  // the '&'
    out += meaning;
    i += length;
  }
  return out;
}

char32_t windows_1252(const unsigned char byte) noexcept {
  constexpr std::array<char16_t, 32> kMeanings = {0x20AC, 0x81,   0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
                                                  0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0x8D,   0x017D, 0x8F,
                                                  0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
                                                  0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x9D,   0x017E, 0x0178};
  return byte >= 0x80 && byte < 0xA0 ? kMeanings[byte - 0x80] : byte;
}

}  // namespace models
