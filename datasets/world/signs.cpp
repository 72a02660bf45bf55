// signs: twelve traffic signs = an outline, its rim, and a symbol.
// Target: red, blue, yellow and white under changing light, before a scene. Web: free colours, the same geometry.
#include <array>
#include <cmath>
#include <vector>

#include "datasets/world/filters.hpp"
#include "datasets/world/tasks.hpp"

namespace datasets::world {
namespace {

enum class Outline { disc, octagon, triangle_down, diamond, triangle_up, square };
enum class Symbol { none, bar, word, arrow_up, arrow_left, arrow_right, exclamation, crossing, letter_p, two_cars };

struct Palette {
  Colour face;
  Colour rim;
  Colour symbol;
};

struct Design {
  Outline outline;
  Symbol symbol;
  float rim;  // its width; 0.1 is a thin edging
  Palette target;
};

constexpr Colour kRed = {0.80f, 0.08f, 0.10f};
constexpr Colour kBlue = {0.08f, 0.25f, 0.72f};
constexpr Colour kYellow = {0.96f, 0.78f, 0.10f};
constexpr Colour kWhite = {0.95f, 0.95f, 0.95f};
constexpr Colour kBlack = {0.08f, 0.08f, 0.08f};

constexpr std::array<Design, 12> kDesigns = {{
    {Outline::disc, Symbol::bar, 0.06f, {kRed, kWhite, kWhite}},
    {Outline::octagon, Symbol::word, 0.08f, {kRed, kWhite, kWhite}},
    {Outline::triangle_down, Symbol::none, 0.24f, {kWhite, kRed, kRed}},
    {Outline::diamond, Symbol::none, 0.22f, {kYellow, kWhite, kWhite}},
    {Outline::disc, Symbol::arrow_up, 0.06f, {kBlue, kWhite, kWhite}},
    {Outline::disc, Symbol::arrow_left, 0.06f, {kBlue, kWhite, kWhite}},
    {Outline::disc, Symbol::arrow_right, 0.06f, {kBlue, kWhite, kWhite}},
    {Outline::triangle_up, Symbol::exclamation, 0.16f, {kWhite, kRed, kBlack}},
    {Outline::triangle_up, Symbol::crossing, 0.16f, {kWhite, kRed, kBlack}},
    {Outline::disc, Symbol::none, 0.24f, {kWhite, kRed, kRed}},
    {Outline::square, Symbol::letter_p, 0.06f, {kBlue, kWhite, kWhite}},
    {Outline::disc, Symbol::two_cars, 0.16f, {kWhite, kRed, kBlack}},
}};

std::vector<Point> turned(std::vector<Point> points, const float angle) {
  const float cosine = std::cos(angle);
  const float sine = std::sin(angle);
  for (Point& point : points) point = {cosine * point.x - sine * point.y, sine * point.x + cosine * point.y};
  return points;
}

void draw_outline(Sketch& sketch, const Outline outline) {
  switch (outline) {
    case Outline::disc:
      sketch.disc({}, 0.95f);
      break;
    case Outline::octagon:
      sketch.polygon(turned(regular_polygon(8, 1.03f), kPi / 8.0f));
      break;
    case Outline::triangle_down:
      sketch.polygon(std::array<Point, 3>{{{-1.05f, -0.75f}, {1.05f, -0.75f}, {0.0f, 1.05f}}});
      break;
    case Outline::diamond:
      sketch.polygon(regular_polygon(4, 1.08f));
      break;
    case Outline::triangle_up:
      sketch.polygon(std::array<Point, 3>{{{-1.1f, 0.85f}, {1.1f, 0.85f}, {0.0f, -1.05f}}});
      break;
    case Outline::square:
      sketch.box({}, 0.85f, 0.85f);
      break;
  }
}

// An arrow whose shaft comes from below and whose head points along `direction` (up, left or right).
void draw_arrow(Sketch& sketch, const Point direction) {
  constexpr float kHalfWidth = 0.12f;
  const bool up = direction.x == 0.0f;
  const Point corner = up ? Point{0.0f, 0.0f} : Point{-0.3f * direction.x, -0.05f};
  const Point tip = up ? Point{0.0f, -0.65f} : Point{0.62f * direction.x, -0.05f};
  const Point neck = {tip.x - 0.38f * direction.x, tip.y - 0.38f * direction.y};
  const Point across = {-0.38f * direction.y, 0.38f * direction.x};
  sketch.segment({corner.x, 0.6f}, corner, kHalfWidth).segment(corner, neck, kHalfWidth);
  sketch.polygon(
      std::array<Point, 3>{{tip, {neck.x + across.x, neck.y + across.y}, {neck.x - across.x, neck.y - across.y}}});
}

void draw_symbol(Sketch& sketch, const Symbol symbol) {
  switch (symbol) {
    case Symbol::none:
      break;
    case Symbol::bar:
      sketch.box({}, 0.68f, 0.17f);
      break;
    case Symbol::word:  // four letters, at this size four upright smudges
      for (const float x : {-0.54f, -0.18f, 0.18f, 0.54f}) sketch.box({x, 0.0f}, 0.1f, 0.3f);
      break;
    case Symbol::arrow_up:
      draw_arrow(sketch, {0.0f, -1.0f});
      break;
    case Symbol::arrow_left:
      draw_arrow(sketch, {-1.0f, 0.0f});
      break;
    case Symbol::arrow_right:
      draw_arrow(sketch, {1.0f, 0.0f});
      break;
    case Symbol::exclamation:
      sketch.segment({0.0f, -0.35f}, {0.0f, 0.25f}, 0.11f).disc({0.0f, 0.56f}, 0.12f);
      break;
    case Symbol::crossing:
      sketch.box({0.0f, 0.27f}, 0.09f, 0.42f).box({0.0f, 0.27f}, 0.42f, 0.09f);
      break;
    case Symbol::letter_p:
      sketch.segment({-0.25f, -0.55f}, {-0.25f, 0.6f}, 0.13f)
          .polyline(arc({-0.1f, -0.22f}, 0.42f, 0.33f, -100.0f, 100.0f), 0.12f);
      break;
    case Symbol::two_cars:
      for (const float x : {-0.34f, 0.34f}) sketch.box({x, 0.12f}, 0.24f, 0.16f).box({x, -0.1f}, 0.15f, 0.14f);
      break;
  }
}

Palette free_palette(engine::Random& random) {
  const Colour face = random_colour(random);
  const Colour rim = contrasting_colour(face, 0.2f, random);
  return {face, rim, contrasting_colour(face, 0.3f, random)};
}

void render_signs(Canvas& canvas, const std::int64_t label, const Distribution distribution, engine::Random& random) {
  const Design& design = kDesigns[static_cast<std::size_t>(label)];
  const bool web = distribution == Distribution::web;
  const Palette palette = web ? free_palette(random) : design.target;
  const Colour sky = web ? random_colour(random) : jitter({0.55f, 0.65f, 0.75f}, 0.25f, random);
  const Colour street = web ? random_colour(random) : jitter({0.35f, 0.38f, 0.30f}, 0.2f, random);
  canvas.fill_gradient(sky, street);
  canvas.mottle(between(random, 0.08f, 0.25f), 4, random);

  const PoseRange range = {
      .rotation = 0.14f, .scale_low = 0.5f, .scale_high = 0.82f, .stretch = 0.12f, .shear = 0.1f, .shift = 0.16f};
  Sketch sketch(canvas.size(), random_pose(range, distribution, random));
  draw_outline(sketch, design.outline);
  canvas.paint(sketch, palette.rim);
  canvas.paint(sketch.grow(-design.rim), palette.face);
  draw_symbol(sketch.clear(), design.symbol);
  canvas.paint(sketch, palette.symbol);
  if (!web) {  // the light of the day
    const float contrast = between(random, 0.55f, 1.05f);
    adjust(canvas.pixels(), contrast, between(random, -0.22f, 0.12f));
  }
}

}  // namespace

TaskSpec make_signs() {
  return {.name = "signs",
          .text = {.domain = "traffic sign",
                   .class_names = {"no-entry", "stop", "yield", "priority", "straight-ahead", "turn-left", "turn-right",
                                   "danger", "crossroads", "closed-road", "parking", "no-passing"},
                   .aliases = {"barred", "halt", "give-way", "main-road", "onward", "bear-left", "bear-right", "hazard",
                               "intersection", "prohibited", "car-park", "no-overtaking"},
                   .templates = {"a photo of a traffic sign {class}", "the traffic sign {class}",
                                 "a picture of the traffic sign {class}"}},
          .render = render_signs};
}

}  // namespace datasets::world
