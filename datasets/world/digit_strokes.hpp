// The ten digits as pen strokes, shared by the two digit tasks so that they differ in style and not in shape.
#pragma once

#include <cstdint>

#include "datasets/world/handwriting.hpp"
#include "datasets/world/sketch.hpp"
#include "engine/tensor/random.hpp"

namespace datasets::world {

// Unites the strokes of digit 0 .. 9, about 1.2 wide and 2 high around `centre`, with the sketch.
void write_digit(Sketch& sketch, std::int64_t digit, Point centre, float half_width, const Handwriting& hand,
                 engine::Random& random);

}  // namespace datasets::world
