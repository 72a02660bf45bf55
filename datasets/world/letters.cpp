// letters: twelve letters of an invented old alphabet (after Phoenician), three or four strokes each.
// Target: dark ink on cream paper. Web: any two contrasting colours.
#include <array>
#include <vector>

#include "datasets/world/handwriting.hpp"
#include "datasets/world/tasks.hpp"

namespace datasets::world {
namespace {

using Stroke = std::vector<Point>;

const std::vector<Stroke>& letter_strokes(const std::int64_t letter) {
  static const std::array<std::vector<Stroke>, 12> strokes = {{
      {{{-0.7f, -0.5f}, {0.7f, 0.0f}, {-0.7f, 0.5f}}, {{0.05f, -0.9f}, {0.05f, 0.9f}}},   // aleph
      {{{-0.6f, 0.9f}, {0.3f, 0.75f}, {0.3f, -0.9f}, {-0.55f, -0.5f}, {0.3f, -0.1f}}},    // beth
      {{{-0.5f, 0.9f}, {0.05f, -0.9f}, {0.65f, -0.1f}}, {{-0.75f, 0.2f}, {0.2f, 0.2f}}},  // gimel
      {{{0.0f, -0.8f}, {-0.7f, 0.6f}, {0.7f, 0.6f}, {0.0f, -0.8f}}},                      // daleth
      {{{0.5f, -0.9f}, {0.5f, 0.9f}},
       {{0.5f, -0.85f}, {-0.6f, -0.7f}},
       {{0.5f, -0.3f}, {-0.6f, -0.1f}},
       {{0.5f, 0.3f}, {-0.5f, 0.5f}}},                                                                  // he
      {{{-0.65f, -0.9f}, {0.0f, -0.1f}, {0.65f, -0.9f}}, {{0.0f, -0.1f}, {0.0f, 0.9f}}},                // waw
      {{{-0.6f, -0.8f}, {0.6f, -0.8f}}, {{0.0f, -0.8f}, {0.0f, 0.8f}}, {{-0.6f, 0.8f}, {0.6f, 0.8f}}},  // zayin
      {{{-0.5f, -0.9f}, {-0.5f, 0.9f}},
       {{0.5f, -0.9f}, {0.5f, 0.9f}},
       {{-0.5f, -0.4f}, {0.5f, -0.4f}},
       {{-0.5f, 0.4f}, {0.5f, 0.4f}}},  // heth
      {arc({0.0f, 0.0f}, 0.75f, 0.8f, 0.0f, 360.0f),
       {{-0.5f, -0.55f}, {0.5f, 0.55f}},
       {{0.5f, -0.55f}, {-0.5f, 0.55f}}},                                                                 // teth
      {{{-0.5f, -0.85f}, {0.55f, -0.85f}, {-0.45f, 0.05f}, {0.6f, 0.05f}, {0.0f, 0.9f}}},                 // yodh
      {{{0.0f, -0.9f}, {0.0f, 0.9f}}, {{-0.7f, -0.75f}, {-0.6f, 0.05f}, {0.6f, 0.05f}, {0.7f, -0.75f}}},  // kaph
      {{{-0.35f, -0.9f}, {-0.35f, 0.75f}, {0.6f, 0.75f}, {0.6f, 0.05f}},
       {{-0.75f, -0.35f}, {0.25f, -0.35f}}},  // lamedh
  }};
  return strokes[static_cast<std::size_t>(letter)];
}

void render_letters(Canvas& canvas, const std::int64_t label, const Distribution distribution, engine::Random& random) {
  const bool web = distribution == Distribution::web;
  const Colour paper = web ? random_colour(random) : jitter({0.90f, 0.84f, 0.68f}, 0.06f, random);
  const Colour ink = web ? contrasting_colour(paper, 0.3f, random) : jitter({0.20f, 0.13f, 0.10f}, 0.10f, random);
  canvas.fill(paper);
  canvas.mottle(between(random, 0.02f, 0.10f), 4, random);

  const PoseRange range = {
      .rotation = 0.2f, .scale_low = 0.55f, .scale_high = 0.8f, .stretch = 0.15f, .shear = 0.2f, .shift = 0.12f};
  Sketch sketch(canvas.size(), random_pose(range, distribution, random));
  const Handwriting hand(0.18f, random);
  const float half_width = between(random, 0.07f, 0.13f);
  for (const Stroke& stroke : letter_strokes(label)) {
    Stroke bent;
    for (const Point point : stroke) bent.push_back(hand.bend(point, random));
    sketch.polyline(bent, half_width);
  }
  canvas.paint(sketch, ink, between(random, 0.8f, 1.0f));
}

}  // namespace

TaskSpec make_letters() {
  return {
      .name = "letters",
      .text = {.domain = "ancient letter",
               .class_names = {"aleph", "beth", "gimel", "daleth", "he", "waw", "zayin", "heth", "teth", "yodh", "kaph",
                               "lamedh"},
               .aliases = {"alpa", "beta", "gamla", "delta", "ho", "wo", "zeta", "hota", "tet", "yod", "kaf", "lamda"},
               .templates = {"a photo of an ancient letter {class}", "the ancient letter {class}",
                             "a scan of the ancient letter {class}"}},
      .render = render_letters};
}

}  // namespace datasets::world
