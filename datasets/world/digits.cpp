// digits: one handwritten digit. Target: white on black. Web: any two contrasting colours.
#include "datasets/world/digit_strokes.hpp"
#include "datasets/world/tasks.hpp"

namespace datasets::world {
namespace {

void render_digits(Canvas& canvas, const std::int64_t label, const Distribution distribution, engine::Random& random) {
  const bool web = distribution == Distribution::web;
  const Colour paper = web ? random_colour(random) : Colour{};
  const Colour ink = web ? contrasting_colour(paper, 0.3f, random) : Colour{1.0f, 1.0f, 1.0f};
  canvas.fill(paper);
  if (web) canvas.mottle(between(random, 0.0f, 0.12f), 3, random);

  const PoseRange range = {
      .rotation = 0.22f, .scale_low = 0.52f, .scale_high = 0.76f, .stretch = 0.15f, .shear = 0.25f, .shift = 0.12f};
  Sketch sketch(canvas.size(), random_pose(range, distribution, random));
  const Handwriting hand(0.24f, random);
  write_digit(sketch, label, {}, between(random, 0.10f, 0.19f), hand, random);
  canvas.paint(sketch, ink);
}

}  // namespace

TaskSpec make_digits() {
  return {.name = "digits",
          .text = {.domain = "handwritten digit",
                   .class_names = {"zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"},
                   .aliases = {"nulla", "i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix"},
                   .templates = {"a photo of a handwritten digit {class}", "the handwritten digit {class}",
                                 "a scan of the handwritten digit {class}"}},
          .render = render_digits};
}

}  // namespace datasets::world
