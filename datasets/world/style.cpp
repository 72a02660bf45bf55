// The web step is mild on purpose: stronger inversions, contrasts and noise leave too little that transfers to the targets.
#include "datasets/world/style.hpp"

#include <array>
#include <cassert>
#include <cmath>
#include <utility>

#include "datasets/world/filters.hpp"

namespace datasets::world {

std::string_view to_string(const Distribution distribution) {
  return distribution == Distribution::target ? "target" : "web";
}

void web_style(const std::span<float> chw, const std::int64_t size, engine::Random& random) {
  if (random.chance(0.25)) invert(chw);
  if (random.chance(0.25)) {
    std::array<std::int64_t, 3> source = {0, 1, 2};
    std::swap(source[2], source[static_cast<std::size_t>(random.index(3))]);
    std::swap(source[1], source[static_cast<std::size_t>(random.index(2))]);
    permute_channels(chw, source);
  }
  const float contrast = between(random, 0.7f, 1.15f);
  const float brightness = between(random, -0.12f, 0.15f);
  adjust(chw, contrast, brightness);
  blur(chw, size, between(random, 0.0f, 0.6f));
  add_noise(chw, between(random, 0.0f, 0.05f), random);
  clamp_unit(chw);
}

float between(engine::Random& random, const float low, const float high) {
  return low + (high - low) * static_cast<float>(random.uniform());
}

std::int64_t between(engine::Random& random, const std::int64_t low, const std::int64_t high) {
  return low + random.index(high - low + 1);
}

Pose random_pose(const PoseRange& range, const Distribution distribution, engine::Random& random) {
  const bool web = distribution == Distribution::web;
  const float wider = web ? 1.4f : 1.0f;
  const float low = range.scale_low * (web ? 0.85f : 1.0f);
  const float high = range.scale_high * (web ? 1.08f : 1.0f);
  const float rotation = range.rotation * wider;
  const float stretch = range.stretch * wider;
  const float shear = range.shear * wider;
  const float shift = range.shift * wider;
  return {.rotation = between(random, -rotation, rotation),
          .scale = between(random, low, high),
          .stretch = between(random, 1.0f - stretch, 1.0f + stretch),
          .shear = between(random, -shear, shear),
          .shift = {between(random, -shift, shift), between(random, -shift, shift)}};
}

Colour random_colour(engine::Random& random) {
  const float red = between(random, 0.02f, 0.98f);
  const float green = between(random, 0.02f, 0.98f);
  return {red, green, between(random, 0.02f, 0.98f)};
}

Colour jitter(const Colour colour, const float amount, engine::Random& random) {
  const float shade = between(random, -amount, amount);
  const float part = amount / 3.0f;
  const float red = colour.red + shade + between(random, -part, part);
  const float green = colour.green + shade + between(random, -part, part);
  return {red, green, colour.blue + shade + between(random, -part, part)};
}

Colour contrasting_colour(const Colour other, const float least, engine::Random& random) {
  assert(least <= 0.4f);
  while (true) {  // a sixth of all colours or more qualify
    const Colour colour = random_colour(random);
    if (std::abs(luminance(colour) - luminance(other)) >= least) return colour;
  }
}

}  // namespace datasets::world
