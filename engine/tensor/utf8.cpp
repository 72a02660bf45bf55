#include "engine/tensor/utf8.hpp"

#include <algorithm>

namespace engine {
namespace {

struct Decoded {
  char32_t code;
  std::size_t bytes;  // 0: this is not UTF-8
};

Decoded decode(const std::string_view text) noexcept {
  const auto byte = [text](const std::size_t i) { return static_cast<unsigned char>(text[i]); };
  if (byte(0) < 0x80) return {byte(0), 1};
  const std::size_t bytes = byte(0) < 0xE0 ? 2 : byte(0) < 0xF0 ? 3 : 4;
  if (byte(0) < 0xC2 || byte(0) > 0xF4 || text.size() < bytes) return {0, 0};
  char32_t code = byte(0) & (0x7Fu >> bytes);
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {0, 0};
    code = code << 6 | (byte(i) & 0x3F);
  }
  const bool overlong = (bytes == 3 && code < 0x800) || (bytes == 4 && code < 0x10000);
  const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
  return overlong || surrogate || code > 0x10FFFF ? Decoded{0, 0} : Decoded{code, bytes};
}

}  // namespace

std::size_t invalid_utf8(const std::string_view text) noexcept {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t bytes = decode(text.substr(at)).bytes;
    if (bytes == 0) return at;
    at += bytes;
  }
  return std::string_view::npos;
}

std::u32string from_utf8(const std::string_view text) {
  std::u32string codes;
  codes.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const Decoded next = decode(text.substr(at));
    codes += next.code;
    at += std::max<std::size_t>(next.bytes, 1);
  }
  return codes;
}

void append_utf8(std::string& text, const char32_t code) {
  const auto continuation = [code](const int shift) { return static_cast<char>(0x80 | (code >> shift & 0x3F)); };
  if (code < 0x80) {
    text += static_cast<char>(code);
  } else if (code < 0x800) {
    text += {static_cast<char>(0xC0 | code >> 6), continuation(0)};
  } else if (code < 0x10000) {
    text += {static_cast<char>(0xE0 | code >> 12), continuation(6), continuation(0)};
  } else {
    text += {static_cast<char>(0xF0 | code >> 18), continuation(12), continuation(6), continuation(0)};
  }
}

std::string to_utf8(const std::u32string_view text) {
  std::string bytes;
  for (const char32_t code : text) append_utf8(bytes, code);
  return bytes;
}

std::string shown(const std::string_view text) {
  constexpr std::size_t kLongest = 120;
  std::string result = "'";
  std::size_t at = 0;
  while (at < text.size() && at < kLongest) {
    const Decoded next = decode(text.substr(at));
    const bool control = next.code < 0x20 || (next.code >= 0x7F && next.code < 0xA0);
    if (next.bytes == 0 || control) {
      result += '?';
    } else {
      result += text.substr(at, next.bytes);
    }
    at += std::max<std::size_t>(next.bytes, 1);
  }
  return result + (at < text.size() ? "...'" : "'");
}

}  // namespace engine
