// UTF-8 to code points and back [RFC 3629]: no overlong forms, no surrogates, nothing above U+10FFFF.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace engine {

// The byte at which `text` stops being UTF-8; npos if it is all of it.
std::size_t invalid_utf8(std::string_view text) noexcept;

std::u32string from_utf8(std::string_view text);  // which must be UTF-8
void append_utf8(std::string& text, char32_t code);
std::string to_utf8(std::u32string_view text);

// How messages show a text: in quotes, on one line, cut when very long, with a '?' for what cannot be shown.
std::string shown(std::string_view text);

}  // namespace engine
