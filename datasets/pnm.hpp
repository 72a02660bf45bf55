// Binary PPM ("P6") and PGM ("P5") [netpbm.sourceforge.net/doc/ppm.html]:
//   magic, width, height, largest value (ASCII, between white space and # comments), one white space,
//   then height·width·{3,1} values of one byte, or of two, high byte first, if the largest exceeds 255.
// Values are scaled to 0 .. 255 as Pillow does. The data must end with the last value: a byte too many is how damage
// by a line-ending conversion shows.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>

#include "datasets/picture.hpp"

namespace datasets {

Picture decode_pnm(std::span<const std::uint8_t> bytes, const std::filesystem::path& file);  // as decode_picture

}  // namespace datasets
