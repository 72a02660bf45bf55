// house_numbers: the middle digit of a house number, between neighbours that the border cuts off, on an uneven wall.
// Target: strong contrast, camera blur and noise. Web: also weak contrast and wider poses.
#include "datasets/world/digit_strokes.hpp"
#include "datasets/world/filters.hpp"
#include "datasets/world/tasks.hpp"

namespace datasets::world {
namespace {

void render_house_numbers(Canvas& canvas, const std::int64_t label, const Distribution distribution,
                          engine::Random& random) {
  const bool web = distribution == Distribution::web;
  const Colour wall = random_colour(random);
  const Colour paint = contrasting_colour(wall, web ? 0.25f : 0.32f, random);
  const Colour top = jitter(wall, 0.08f, random);
  canvas.fill_gradient(top, jitter(wall, 0.08f, random));
  canvas.mottle(between(random, 0.04f, 0.14f), 3, random);

  const PoseRange range = {
      .rotation = 0.12f, .scale_low = 0.56f, .scale_high = 0.8f, .stretch = 0.12f, .shear = 0.15f, .shift = 0.1f};
  Sketch sketch(canvas.size(), random_pose(range, distribution, random));
  const Handwriting neat(0.06f, random);
  const float half_width = between(random, 0.13f, 0.22f);
  const float spacing = between(random, 1.45f, 1.75f);
  write_digit(sketch, label, {}, half_width, neat, random);
  for (const float side : {-1.0f, 1.0f}) {
    if (random.chance(0.55)) write_digit(sketch, random.index(10), {side * spacing, 0.0f}, half_width, neat, random);
  }
  canvas.paint(sketch, paint);
  if (!web) {  // the web step brings its own
    blur(canvas.pixels(), canvas.size(), between(random, 0.2f, 0.8f));
    add_noise(canvas.pixels(), between(random, 0.01f, 0.05f), random);
  }
}

}  // namespace

TaskSpec make_house_numbers() {
  return {.name = "house_numbers",
          .text = {.domain = "house number",
                   .class_names = {"number-0", "number-1", "number-2", "number-3", "number-4", "number-5", "number-6",
                                   "number-7", "number-8", "number-9"},
                   .aliases = {"naught", "ace", "deuce", "trey", "cater", "cinque", "sice", "septet", "octet", "nonet"},
                   .templates = {"a photo of a house number {class}", "the house number {class}",
                                 "a picture of the house number {class}"}},
          .render = render_house_numbers};
}

}  // namespace datasets::world
