// Character references of HTML: "&eacute;", "&#233;" and "&#xE9;" become the letter.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace models {

// As Python's html.unescape: also "&eacute" without its semicolon, and what browsers make of impossible numbers.
std::u32string unescape_html(std::u32string_view text);

// As ftfy: only whole references of up to 24 letters or digits with their semicolon, but names in capitals as well.
std::u32string unescape_whole_references(std::u32string_view text);

// What byte 0x80 + i means in Windows-1252, where bytes without a meaning stay what they are.
char32_t windows_1252(unsigned char byte) noexcept;

}  // namespace models
