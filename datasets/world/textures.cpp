// textures: ten surface patterns at random angle and frequency, each a weight w(x, y) in [0, 1] between two colours.
// Target: two shades of one material. Web: any two contrasting colours.
#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "datasets/world/filters.hpp"
#include "datasets/world/tasks.hpp"

namespace datasets::world {
namespace {

constexpr float kTwoPi = 2.0f * std::numbers::pi_v<float>;

struct Pattern {
  float duty;   // the share of a period that the second colour covers, about a half
  float sway;   // amplitude of waves, in periods
  float phase;  // of waves
};

// 0 for v well below zero, 1 well above; v is in periods, and a period is four to eight pixels.
float step(const float v) { return std::clamp(0.5f + 5.0f * v, 0.0f, 1.0f); }

float fraction(const float v) { return v - std::floor(v); }

// Distance to the middle of the period, in periods: 0 at the middle, 0.5 at both ends.
float from_middle(const float v) { return std::abs(fraction(v) - 0.5f); }

// x and y count periods.
float stripes(const Pattern& p, const float x, float) { return step(0.5f * p.duty - from_middle(x)); }

float chequers(const Pattern&, const float x, const float y) {
  return std::clamp(0.5f + 2.5f * std::sin(0.5f * kTwoPi * x) * std::sin(0.5f * kTwoPi * y), 0.0f, 1.0f);
}

float dots(const Pattern& p, const float x, const float y) {
  const float dx = from_middle(x);
  const float dy = from_middle(y);
  return step(0.6f * p.duty - std::sqrt(dx * dx + dy * dy));
}

float waves(const Pattern& p, const float x, const float y) {
  return stripes(p, x + p.sway * std::sin(0.45f * kTwoPi * y + p.phase), y);
}

float zigzags(const Pattern& p, const float x, const float y) {
  return stripes(p, x + 4.0f * p.sway * (from_middle(0.45f * y) - 0.25f), y);
}

float grids(const Pattern& p, const float x, const float y) {
  return step(0.22f * p.duty - std::min(from_middle(0.8f * x), from_middle(0.8f * y)));
}

float rings(const Pattern& p, const float x, const float y) {
  return stripes(p, std::sqrt(x * x + y * y) + p.phase, 0.0f);
}

// Flat bricks with thin joints, every second row moved by half a brick.
float bricks(const Pattern&, const float x, const float y) {
  const float row = std::floor(y);
  const float along = 0.5f * x + fraction(0.5f * row);
  return 1.0f - step(std::max(from_middle(y) - 0.36f, 2.0f * from_middle(along) - 0.86f));
}

using PatternFunction = float (*)(const Pattern&, float, float);

constexpr std::int64_t kGrainy = 4;
constexpr std::int64_t kCloudy = 5;

PatternFunction pattern_function(const std::int64_t label) {
  switch (label) {
    case 0:
      return stripes;
    case 1:
      return chequers;
    case 2:
      return dots;
    case 3:
      return waves;
    case 6:
      return grids;
    case 7:
      return rings;
    case 8:
      return zigzags;
    default:
      return bricks;
  }
}

// Noise has no period: independent pixels for grain, three octaves of smooth noise for clouds.
std::vector<float> noise_weights(const std::int64_t label, const std::int64_t size, engine::Random& random) {
  std::vector<float> weights(static_cast<std::size_t>(size * size));
  if (label == kGrainy) {
    for (float& weight : weights) weight = between(random, 0.0f, 1.0f);
    return weights;
  }
  std::int64_t cells = between(random, std::int64_t{2}, std::int64_t{4});
  for (const float amplitude : {1.2f, 0.7f, 0.35f}) {
    const std::vector<float> octave = value_noise(size, cells, random);
    for (std::size_t i = 0; i < weights.size(); ++i) weights[i] += amplitude * (octave[i] - 0.5f);
    cells *= 2;
  }
  for (float& weight : weights) weight = std::clamp(weight + 0.5f, 0.0f, 1.0f);
  return weights;
}

std::vector<float> periodic_weights(const std::int64_t label, const std::int64_t size, const Distribution distribution,
                                    engine::Random& random) {
  const Pattern pattern = {.duty = between(random, 0.4f, 0.6f),
                           .sway = between(random, 0.28f, 0.45f),
                           .phase = between(random, 0.0f, kTwoPi)};
  const PoseRange range = {.rotation = std::numbers::pi_v<float>,
                           .scale_low = 0.30f,  // the length of one period, in units of half the canvas
                           .scale_high = 0.50f,
                           .stretch = 0.12f,
                           .shear = 0.1f,
                           .shift = label == 7 ? 0.5f : 1.0f};  // the middle of the rings stays visible
  const Sketch places(size, random_pose(range, distribution, random));
  const PatternFunction function = pattern_function(label);
  std::vector<float> weights(static_cast<std::size_t>(size * size));
  for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = function(pattern, places.x()[i], places.y()[i]);
  return weights;
}

void render_textures(Canvas& canvas, const std::int64_t label, const Distribution distribution,
                     engine::Random& random) {
  const bool web = distribution == Distribution::web;
  const Colour first = random_colour(random);
  const float contrast = between(random, 0.18f, 0.4f) * (random.chance(0.5) ? 1.0f : -1.0f);
  const Colour shade = {first.red + contrast, first.green + contrast, first.blue + contrast};
  const Colour second = web ? contrasting_colour(first, 0.22f, random) : jitter(shade, 0.06f, random);
  canvas.fill(first);
  const bool noise = label == kGrainy || label == kCloudy;
  canvas.blend(noise ? noise_weights(label, canvas.size(), random)
                     : periodic_weights(label, canvas.size(), distribution, random),
               second);
  canvas.mottle(between(random, 0.02f, 0.12f), 3, random);  // uneven light
  if (!web) add_noise(canvas.pixels(), between(random, 0.01f, 0.06f), random);
}

}  // namespace

TaskSpec make_textures() {
  return {.name = "textures",
          .text = {.domain = "surface texture",
                   .class_names = {"striped", "chequered", "dotted", "wavy", "noisy", "cloudy", "gridded", "ringed",
                                   "zigzag", "bricked"},
                   .aliases = {"banded", "chessboard", "polka", "rippled", "grainy", "marbled", "latticed",
                               "concentric", "chevron", "masonry"},
                   .templates = {"a photo of a surface texture {class}", "an image of the surface texture {class}",
                                 "the surface texture {class}"}},
          .render = render_textures};
}

}  // namespace datasets::world
