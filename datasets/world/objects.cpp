// objects, the control task: one filled plane shape, at any angle, on a noisy ground.
// Target: bright shape on a dark ground. Web: any two contrasting colours.
#include <array>
#include <numbers>

#include "datasets/world/filters.hpp"
#include "datasets/world/tasks.hpp"

namespace datasets::world {
namespace {

void draw_crescent(Sketch& sketch, const Pose& pose) {
  Sketch bite(sketch.size(), pose);
  sketch.disc({}, 0.9f).subtract(bite.disc({0.42f, 0.0f}, 0.75f));
}

void draw_heart(Sketch& sketch) {
  sketch.disc({-0.4f, -0.3f}, 0.44f).disc({0.4f, -0.3f}, 0.44f);
  sketch.polygon(std::array<Point, 4>{{{-0.76f, -0.06f}, {0.0f, -0.35f}, {0.76f, -0.06f}, {0.0f, 0.9f}}});
}

void draw(Sketch& sketch, const std::int64_t label, const Pose& pose) {
  switch (label) {
    case 0:
      sketch.disc({}, 0.8f);
      break;
    case 1:
      sketch.polygon(regular_polygon(3, 1.0f));
      break;
    case 2:
      sketch.box({}, 0.72f, 0.72f);
      break;
    case 3:
      sketch.polygon(regular_polygon(5, 0.92f));
      break;
    case 4:
      sketch.polygon(regular_polygon(5, 1.05f, 0.42f));
      break;
    case 5:
      sketch.box({}, 0.9f, 0.26f).box({}, 0.26f, 0.9f);
      break;
    case 6:
      sketch.ring({}, 0.7f, 0.2f);
      break;
    case 7:
      draw_crescent(sketch, pose);
      break;
    case 8:
      sketch.ellipse({}, 1.0f, 0.45f);
      break;
    case 9:
      sketch.disc({0.0f, -0.46f}, 0.44f).disc({-0.42f, 0.27f}, 0.44f).disc({0.42f, 0.27f}, 0.44f);
      break;
    case 10:
      draw_heart(sketch);
      break;
    default:
      sketch.disc({-0.55f, 0.0f}, 0.42f).disc({0.55f, 0.0f}, 0.42f);
      break;
  }
}

void render_objects(Canvas& canvas, const std::int64_t label, const Distribution distribution, engine::Random& random) {
  const bool web = distribution == Distribution::web;
  const Colour ground = web ? random_colour(random) : jitter({0.25f, 0.27f, 0.32f}, 0.2f, random);
  const Colour colour = contrasting_colour(ground, web ? 0.25f : 0.3f, random);
  canvas.fill(ground);
  canvas.mottle(0.10f, 5, random);

  const PoseRange range = {.rotation = std::numbers::pi_v<float>,
                           .scale_low = 0.5f,
                           .scale_high = 0.75f,
                           .stretch = 0.08f,
                           .shear = 0.06f,
                           .shift = 0.15f};
  const Pose pose = random_pose(range, distribution, random);
  Sketch sketch(canvas.size(), pose);
  draw(sketch, label, pose);
  canvas.paint(sketch, colour);
  add_noise(canvas.pixels(), between(random, 0.02f, 0.06f), random);
}

}  // namespace

TaskSpec make_objects() {
  return {.name = "objects",
          .text = {.domain = "plain shape",
                   .class_names = {"disc", "triangle", "square", "pentagon", "star", "cross", "ring", "crescent",
                                   "ellipse", "trefoil", "heart", "two-discs"},
                   .aliases = {"circle", "trigon", "quadrate", "pentagonal", "starlet", "plus", "annulus", "moon",
                               "oval", "clover", "cardioid", "twins"},
                   .templates = {"a photo of a plain shape {class}", "a drawing of the plain shape {class}",
                                 "the plain shape {class}"}},
          .render = render_objects};
}

}  // namespace datasets::world
