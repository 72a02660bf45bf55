// The bend of one character; y is bent half as much along itself, so that strokes keep their order from top to bottom.
#include "datasets/world/handwriting.hpp"

#include "datasets/world/style.hpp"

namespace datasets::world {

Handwriting::Handwriting(const float amount, engine::Random& random) : amount_(amount) {
  for (Point* const coefficient : {&along_x_, &along_y_, &across_}) {
    coefficient->x = between(random, -amount, amount);
    coefficient->y = between(random, -amount, amount);
  }
}

Point Handwriting::bend(const Point point, engine::Random& random) const {
  const float xx = point.x * point.x;
  const float yy = point.y * point.y;
  const float xy = point.x * point.y;
  const float tremor = 0.25f * amount_;
  const float x = point.x + along_x_.x * xx + along_y_.x * yy + across_.x * xy + between(random, -tremor, tremor);
  const float y = point.y + along_x_.y * xx + 0.5f * along_y_.y * yy + across_.y * xy;
  return {x, y + between(random, -tremor, tremor)};
}

}  // namespace datasets::world
