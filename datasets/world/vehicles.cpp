// vehicles: ten side views put together from boxes, polygons, discs and lines; half of them face left.
// Target: painted bodies, dark tyres, pale windows, a road under the sky. Web: free colours.
#include <array>
#include <cmath>
#include <vector>

#include "datasets/world/tasks.hpp"

namespace datasets::world {
namespace {

struct Paint {
  Colour body;
  Colour dark;   // tyres and frames
  Colour light;  // windows and sails
};

// A pencil that paints what was sketched and starts anew, so that a vehicle reads as a list of coloured parts.
struct Pencil {
  Canvas& canvas;
  Sketch& sketch;
  const Paint& paint;

  Sketch& fresh() const { return sketch.clear(); }
  void body() const { canvas.paint(sketch, paint.body); }
  void dark() const { canvas.paint(sketch, paint.dark); }
  void light() const { canvas.paint(sketch, paint.light); }
};

using Corners = std::vector<Point>;

constexpr float kAxle = 0.36f;  // height of the axles below the middle

void wheels(const Pencil& pencil, const std::vector<float>& places, const float radius = 0.2f) {
  pencil.fresh();
  for (const float x : places) pencil.sketch.disc({x, kAxle}, radius);
  pencil.dark();
}

void windows(const Pencil& pencil, const std::vector<float>& places, const float y, const float half_width,
             const float half_height) {
  pencil.fresh();
  for (const float x : places) pencil.sketch.box({x, y}, half_width, half_height);
  pencil.light();
}

void car(const Pencil& pencil) {  // three boxes: bonnet, cabin, boot
  pencil.fresh().box({0.0f, 0.18f}, 0.98f, 0.17f);
  pencil.sketch.polygon(Corners{{-0.6f, 0.04f}, {-0.36f, -0.34f}, {0.22f, -0.34f}, {0.5f, 0.04f}});
  pencil.body();
  windows(pencil, {-0.24f, 0.14f}, -0.13f, 0.14f, 0.11f);
  wheels(pencil, {-0.58f, 0.58f});
}

void hatchback(const Pencil& pencil) {  // short, its steep tail right above the rear wheel
  pencil.fresh().box({0.02f, 0.15f}, 0.7f, 0.22f);
  pencil.sketch.polygon(Corners{{-0.68f, 0.1f}, {-0.62f, -0.5f}, {0.1f, -0.5f}, {0.45f, 0.0f}});
  pencil.body();
  windows(pencil, {-0.38f, 0.02f}, -0.22f, 0.15f, 0.16f);
  wheels(pencil, {-0.42f, 0.44f}, 0.22f);
}

void van(const Pencil& pencil) {  // one closed box with a sloping nose and a single window
  pencil.fresh().polygon(
      Corners{{-0.92f, 0.34f}, {-0.92f, -0.62f}, {0.48f, -0.62f}, {0.74f, -0.12f}, {0.95f, -0.02f}, {0.95f, 0.34f}});
  pencil.body();
  pencil.fresh().polygon(Corners{{0.22f, -0.12f}, {0.22f, -0.48f}, {0.44f, -0.48f}, {0.6f, -0.12f}});
  pencil.light();
  wheels(pencil, {-0.55f, 0.58f});
}

void bus(const Pencil& pencil) {  // long, with a row of windows
  pencil.fresh().box({0.0f, -0.12f}, 1.08f, 0.46f);
  pencil.body();
  windows(pencil, {-0.8f, -0.4f, 0.0f, 0.4f, 0.8f}, -0.26f, 0.14f, 0.16f);
  wheels(pencil, {-0.62f, 0.68f}, 0.18f);
}

void truck(const Pencil& pencil) {  // pale load box, a gap, a lower cab
  pencil.fresh().box({-0.34f, -0.22f}, 0.7f, 0.46f);
  pencil.light();
  pencil.fresh().box({0.74f, 0.0f}, 0.28f, 0.32f).box({0.0f, 0.3f}, 1.0f, 0.05f);
  pencil.body();
  windows(pencil, {0.82f}, -0.12f, 0.13f, 0.11f);
  wheels(pencil, {-0.78f, -0.36f, 0.7f}, 0.19f);
}

void pickup(const Pencil& pencil) {  // cabin in front, open bed behind
  pencil.fresh().box({0.0f, 0.2f}, 1.0f, 0.15f).box({-0.5f, 0.02f}, 0.5f, 0.05f);
  pencil.sketch.polygon(Corners{{0.02f, 0.1f}, {0.04f, -0.42f}, {0.42f, -0.42f}, {0.62f, 0.06f}});
  pencil.body();
  windows(pencil, {0.24f}, -0.2f, 0.13f, 0.13f);
  wheels(pencil, {-0.6f, 0.6f}, 0.22f);
}

void bicycle(const Pencil& pencil) {  // two thin wheels and a frame
  pencil.fresh().ring({-0.56f, 0.2f}, 0.36f, 0.05f).ring({0.56f, 0.2f}, 0.36f, 0.05f);
  pencil.dark();
  pencil.fresh().polyline(Corners{{-0.56f, 0.2f}, {-0.2f, -0.3f}, {0.38f, -0.3f}, {0.0f, 0.2f}, {-0.56f, 0.2f}}, 0.05f);
  pencil.sketch.segment({-0.24f, -0.45f}, {0.0f, 0.2f}, 0.05f).segment({0.56f, 0.2f}, {0.34f, -0.55f}, 0.05f);
  pencil.sketch.segment({-0.38f, -0.46f}, {-0.1f, -0.46f}, 0.05f).segment({0.34f, -0.55f}, {0.56f, -0.55f}, 0.05f);
  pencil.body();
}

void motorbike(const Pencil& pencil) {  // fat wheels, a solid tank and seat between them
  pencil.fresh().ring({-0.6f, 0.26f}, 0.24f, 0.1f).ring({0.6f, 0.26f}, 0.24f, 0.1f);
  pencil.sketch.segment({0.6f, 0.26f}, {0.34f, -0.42f}, 0.06f).segment({0.34f, -0.42f}, {0.16f, -0.5f}, 0.05f);
  pencil.dark();
  pencil.fresh().polygon(
      Corners{{-0.4f, 0.26f}, {-0.86f, -0.2f}, {-0.1f, -0.08f}, {0.16f, -0.28f}, {0.42f, -0.12f}, {0.28f, 0.26f}});
  pencil.body();
}

void boat(const Pencil& pencil) {  // hull, mast and sail
  pencil.fresh().polygon(Corners{{-0.9f, 0.16f}, {0.95f, 0.16f}, {0.6f, 0.54f}, {-0.65f, 0.54f}});
  pencil.body();
  pencil.fresh().segment({-0.08f, 0.16f}, {-0.08f, -0.85f}, 0.05f);
  pencil.dark();
  pencil.fresh().polygon(Corners{{0.02f, -0.82f}, {0.02f, 0.04f}, {0.72f, 0.04f}});
  pencil.sketch.polygon(Corners{{-0.18f, -0.6f}, {-0.18f, 0.04f}, {-0.62f, 0.04f}});
  pencil.light();
}

void airplane(const Pencil& pencil) {  // fuselage, tail fin, wing
  pencil.fresh().ellipse({0.0f, 0.0f}, 1.05f, 0.19f);
  pencil.sketch.polygon(Corners{{-0.95f, -0.55f}, {-0.72f, -0.55f}, {-0.45f, -0.05f}, {-0.9f, -0.02f}});
  pencil.body();
  pencil.fresh().polygon(Corners{{0.22f, 0.02f}, {-0.12f, 0.02f}, {-0.52f, 0.52f}, {-0.3f, 0.52f}});
  pencil.dark();
  windows(pencil, {-0.2f, 0.06f, 0.32f, 0.6f}, -0.05f, 0.06f, 0.05f);
}

constexpr std::array<void (*)(const Pencil&), 10> kVehicles = {car,    hatchback, van,       bus,  truck,
                                                               pickup, bicycle,   motorbike, boat, airplane};

void render_vehicles(Canvas& canvas, const std::int64_t label, const Distribution distribution,
                     engine::Random& random) {
  const bool web = distribution == Distribution::web;
  const Colour sky = web ? random_colour(random) : jitter({0.70f, 0.76f, 0.82f}, 0.12f, random);
  const Colour ground = web ? jitter(sky, 0.2f, random) : jitter({0.55f, 0.55f, 0.52f}, 0.12f, random);
  const Paint paint = {
      .body = contrasting_colour(sky, 0.2f, random),
      .dark = web ? contrasting_colour(sky, 0.25f, random) : jitter({0.10f, 0.10f, 0.11f}, 0.06f, random),
      .light = web ? contrasting_colour(sky, 0.15f, random) : jitter({0.90f, 0.92f, 0.95f}, 0.07f, random)};
  canvas.fill(sky);
  canvas.mottle(0.06f, 3, random);

  const PoseRange range = {
      .rotation = 0.12f, .scale_low = 0.55f, .scale_high = 0.86f, .stretch = 0.12f, .shear = 0.1f, .shift = 0.15f};
  Pose pose = random_pose(range, distribution, random);
  if (random.chance(0.5)) pose.stretch = -pose.stretch;
  Sketch sketch(canvas.size(), pose);
  constexpr float kWide = 4.0f;  // beyond both borders in any pose
  canvas.paint(sketch.box({0.0f, 0.5f + kWide}, kWide, kWide), ground);
  kVehicles[static_cast<std::size_t>(label)](Pencil{canvas, sketch, paint});
}

}  // namespace

TaskSpec make_vehicles() {
  return {.name = "vehicles",
          .text = {.domain = "vehicle silhouette",
                   .class_names = {"car", "hatchback", "van", "bus", "truck", "pickup", "bicycle", "motorbike", "boat",
                                   "airplane"},
                   .aliases = {"sedan", "compact", "minivan", "coach", "lorry", "ute", "pushbike", "moped", "ship",
                               "aircraft"},
                   .templates = {"a photo of a vehicle silhouette {class}", "the vehicle silhouette {class}",
                                 "a drawing of the vehicle silhouette {class}"}},
          .render = render_vehicles};
}

}  // namespace datasets::world
