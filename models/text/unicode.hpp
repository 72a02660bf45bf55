// What the tokenizer asks of a character, answered as Python and its `regex` package answer it.
#pragma once

#include <string>
#include <string_view>

namespace models {

enum class CharacterKind { letter, number, other, none };  // \p{L}, \p{N}, [^\s\p{L}\p{N}], and what is none of them

CharacterKind kind_of(char32_t code) noexcept;
bool is_space(char32_t code) noexcept;                // str.isspace
std::u32string lower_case(std::u32string_view text);  // str.lower
std::u32string nfc(std::u32string_view text);         // unicodedata.normalize("NFC", ...)  [Unicode Annex 15]
void append_standard_width(std::u32string& text, char32_t code);  // a half-width or full-width form as its NFKC

}  // namespace models
