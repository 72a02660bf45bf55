// What is known about single characters; the rows are in unicode_tables.cpp, sorted by code point, and come from what
// the original tokenizer asks: Python and its packages.
#pragma once

#include <cstdint>
#include <span>

namespace models::tables {

struct CodeRange {
  char32_t first;
  char32_t last;
};

// first, first + step, ..., last become themselves + distance.
struct CodeShift {
  char32_t first;
  char32_t last;
  std::uint32_t step;
  std::int32_t distance;
};

struct CombiningRange {
  char32_t first;
  char32_t last;
  std::uint32_t order;  // the canonical combining class
};

// code = first followed by second (0: nothing follows).
struct Decomposition {
  char32_t code;
  char32_t first;
  char32_t second;
};

std::span<const CodeRange> letters() noexcept;
std::span<const CodeRange> numbers() noexcept;
std::span<const CodeRange> cased() noexcept;           // and not case-ignorable
std::span<const CodeRange> case_ignorable() noexcept;  // and not cased
std::span<const CodeShift> lower() noexcept;           // without U+0130
std::span<const CodeShift> width() noexcept;           // without U+FFE3
std::span<const CombiningRange> combining() noexcept;
std::span<const Decomposition> composed() noexcept;    // what NFC composes; Hangul is arithmetic and not here
std::span<const Decomposition> decomposed() noexcept;  // what NFC takes apart for good

}  // namespace models::tables
