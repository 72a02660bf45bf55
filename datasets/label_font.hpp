// A 5 × 7 bitmap font, enough to name the rows of a contact sheet: a to z, 0 to 9 and the hyphen.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace datasets {

inline constexpr std::int64_t kGlyphWidth = 6;  // with the gap to the next letter
inline constexpr std::int64_t kGlyphHeight = 7;

// Writes `text` in black on rgb [height, width, 3], its upper left corner at (left, top); what does not fit is cut off.
// A letter the font lacks leaves a blank.
void write_label(std::span<std::uint8_t> rgb, std::int64_t width, std::int64_t left, std::int64_t top,
                 std::string_view text);

}  // namespace datasets
