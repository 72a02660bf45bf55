// What differs between the two distributions of a task. Target: the task's own palette and narrow poses. Web: the same
// class geometry in free colours and wider poses, then a photometric step; only pre-training sees it.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "datasets/world/canvas.hpp"
#include "datasets/world/sketch.hpp"
#include "engine/tensor/random.hpp"

namespace datasets::world {

enum class Distribution : std::uint8_t { target, web };
std::string_view to_string(Distribution distribution);

// The photometric step, for a drawn or a real picture chw [3, size, size] in [0, 1]: inversion (p 0.25), permutation of
// the channels (p 0.25), contrast 0.7 to 1.15, brightness −0.12 to +0.15, blur 0 to 0.6 pixels, noise sigma 0 to 0.05.
void web_style(std::span<float> chw, std::int64_t size, engine::Random& random);

// Two draws never stand in one argument list: its order of evaluation, and so the picture, would be the compiler's
// choice.
float between(engine::Random& random, float low, float high);                       // uniform
std::int64_t between(engine::Random& random, std::int64_t low, std::int64_t high);  // uniform, both ends included

// How far poses stray. Web poses stray further: see `random_pose`.
struct PoseRange {
  float rotation = 0.0f;  // ± radians
  float scale_low = 1.0f;
  float scale_high = 1.0f;
  float stretch = 0.0f;  // x is stretched by 1 ± this
  float shear = 0.0f;    // ±
  float shift = 0.0f;    // ± in each direction
};
Pose random_pose(const PoseRange& range, Distribution distribution, engine::Random& random);

Colour random_colour(engine::Random& random);
// A random shade: the colour with its brightness changed by up to ± amount and each channel by a third of that.
Colour jitter(Colour colour, float amount, engine::Random& random);
// A random colour whose luminance differs from `other` by at least `least` (at most 0.4, so that one always exists).
Colour contrasting_colour(Colour other, float least, engine::Random& random);

}  // namespace datasets::world
