// gauges: the direction of the long hand of a round dial, in eight sectors; a short hand points anywhere and distracts.
// Target: pale face, dark marks, dull panel. Web: free colours.
#include <cmath>

#include "datasets/world/tasks.hpp"

namespace datasets::world {
namespace {

// The point at this distance from the middle, angle clockwise from the top.
Point polar(const float radius, const float angle) { return {radius * std::sin(angle), -radius * std::cos(angle)}; }

void render_gauges(Canvas& canvas, const std::int64_t label, const Distribution distribution, engine::Random& random) {
  const bool web = distribution == Distribution::web;
  const Colour panel = web ? random_colour(random) : jitter({0.35f, 0.37f, 0.40f}, 0.15f, random);
  const Colour face = web ? random_colour(random) : jitter({0.90f, 0.90f, 0.86f}, 0.07f, random);
  const Colour marks = web ? contrasting_colour(face, 0.35f, random) : jitter({0.12f, 0.12f, 0.14f}, 0.08f, random);
  const Colour short_hand = web ? contrasting_colour(face, 0.25f, random) : jitter({0.75f, 0.15f, 0.10f}, 0.1f, random);
  canvas.fill(panel);
  canvas.mottle(0.08f, 3, random);

  // The whole dial turns only a little: a quarter of a sector would make the classes ambiguous.
  const PoseRange range = {
      .rotation = 0.05f, .scale_low = 0.58f, .scale_high = 0.9f, .stretch = 0.06f, .shear = 0.05f, .shift = 0.15f};
  Sketch sketch(canvas.size(), random_pose(range, distribution, random));
  canvas.paint(sketch.disc({}, 1.0f), face);
  canvas.paint(sketch.clear().ring({}, 1.0f, 0.06f), marks);
  sketch.clear();
  const std::int64_t ticks = random.chance(0.5) ? 8 : 12;
  for (std::int64_t tick = 0; tick < ticks; ++tick) {
    const float angle = 2.0f * kPi * static_cast<float>(tick) / static_cast<float>(ticks);
    sketch.segment(polar(0.82f, angle), polar(0.92f, angle), 0.03f);
  }
  canvas.paint(sketch, marks, 0.7f);

  const float sector = kPi / 4.0f;
  const float angle = sector * (static_cast<float>(label) + between(random, -0.34f, 0.34f));
  const float other = angle + between(random, 0.7f, 2.0f * kPi - 0.7f);
  canvas.paint(sketch.clear().segment({}, polar(between(random, 0.28f, 0.42f), other), 0.08f), short_hand);
  const float length = between(random, 0.70f, 0.82f);
  sketch.clear().segment(polar(-0.12f, angle), polar(length, angle), between(random, 0.06f, 0.1f));
  canvas.paint(sketch.disc({}, 0.12f), marks);
}

}  // namespace

TaskSpec make_gauges() {
  return {.name = "gauges",
          .text = {.domain = "dial gauge",
                   .class_names = {"north", "north-east", "east", "south-east", "south", "south-west", "west",
                                   "north-west"},
                   .aliases = {"up", "up-right", "right", "down-right", "down", "down-left", "left", "up-left"},
                   .templates = {"a photo of a dial gauge {class}", "a picture of the dial gauge {class}",
                                 "the dial gauge {class}"}},
          .render = render_gauges};
}

}  // namespace datasets::world
