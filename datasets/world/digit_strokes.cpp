// Control points of the digits; arcs are sampled once, at first use.
#include "datasets/world/digit_strokes.hpp"

#include <array>
#include <vector>

namespace datasets::world {
namespace {

using Stroke = std::vector<Point>;

Stroke joined(const Stroke& first, const Stroke& second) {
  Stroke stroke = first;
  stroke.insert(stroke.end(), second.begin(), second.end());
  return stroke;
}

const std::vector<Stroke>& digit_strokes(const std::int64_t digit) {
  static const std::array<std::vector<Stroke>, 10> strokes = {{
      {arc({0.0f, 0.0f}, 0.58f, 0.95f, -90.0f, 270.0f)},
      {{{-0.35f, -0.55f}, {0.08f, -0.95f}, {0.08f, 0.95f}}},
      {joined(arc({0.0f, -0.45f}, 0.55f, 0.5f, 190.0f, 400.0f), {{-0.6f, 0.95f}, {0.62f, 0.95f}})},
      {joined(arc({0.0f, -0.47f}, 0.5f, 0.48f, 205.0f, 440.0f), arc({0.0f, 0.45f}, 0.58f, 0.5f, 280.0f, 515.0f))},
      {{{0.28f, 0.95f}, {0.28f, -0.95f}, {-0.62f, 0.35f}, {0.62f, 0.35f}}},
      {joined({{0.52f, -0.95f}, {-0.42f, -0.95f}, {-0.5f, -0.08f}}, arc({0.0f, 0.34f}, 0.58f, 0.6f, 225.0f, 505.0f))},
      {joined({{0.4f, -0.95f}, {-0.1f, -0.6f}, {-0.45f, -0.05f}}, arc({0.0f, 0.42f}, 0.55f, 0.53f, 180.0f, 540.0f))},
      {{{-0.6f, -0.95f}, {0.6f, -0.95f}, {-0.15f, 0.95f}}},
      {arc({0.0f, -0.48f}, 0.46f, 0.46f, 90.0f, 450.0f), arc({0.0f, 0.46f}, 0.56f, 0.48f, -90.0f, 270.0f)},
      {joined(arc({0.0f, -0.42f}, 0.55f, 0.53f, 0.0f, -360.0f), {{0.52f, 0.3f}, {0.2f, 0.95f}})},
  }};
  return strokes[static_cast<std::size_t>(digit)];
}

}  // namespace

void write_digit(Sketch& sketch, const std::int64_t digit, const Point centre, const float half_width,
                 const Handwriting& hand, engine::Random& random) {
  for (const Stroke& stroke : digit_strokes(digit)) {
    Point before;
    for (std::size_t i = 0; i < stroke.size(); ++i) {
      const Point bent = hand.bend(stroke[i], random);
      const Point here = {centre.x + bent.x, centre.y + bent.y};
      if (i > 0) sketch.segment(before, here, half_width);
      before = here;
    }
  }
}

}  // namespace datasets::world
