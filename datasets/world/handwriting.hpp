// An unsteady hand: it bends a character by quadratic polynomials,  p → p + a x² + b y² + c xy  with random a, b, c,
// and moves each control point a little besides.
#pragma once

#include "datasets/world/sketch.hpp"
#include "engine/tensor/random.hpp"

namespace datasets::world {

class Handwriting {
 public:
  // Amount 0.06 is print, 0.2 a neat hand, 0.3 a hurried one.
  Handwriting(float amount, engine::Random& random);
  Point bend(Point point, engine::Random& random) const;

 private:
  float amount_;
  Point along_x_, along_y_, across_;  // a, b, c
};

}  // namespace datasets::world
