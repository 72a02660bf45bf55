// The named character references of HTML 5 [html.spec.whatwg.org, section 13.5]: rows sorted by name, which is without
// its '&' and with its ';', except for the 106 that are understood without one and stand there twice.
#pragma once

#include <array>
#include <span>
#include <string_view>

namespace models::tables {

struct Entity {
  std::string_view name;
  std::array<char32_t, 3> codes;  // those after the first may be 0: none
};

std::span<const Entity> entities() noexcept;
// Names in capitals, unknown to HTML, that ftfy reads as the capitals of what the name in small letters stands for;
// only those whose meaning has capitals.
std::span<const Entity> capital_entities() noexcept;

}  // namespace models::tables
