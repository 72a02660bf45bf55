// land_use: ten kinds of land from above. All share one ground, one haze and the same small distractors (a clump of
// trees, a hut, a track, a pond), so that colour alone does not tell a class: the arrangement does. Target: greens,
// browns and greys of one season. Web: free colours.
#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "datasets/world/filters.hpp"
#include "datasets/world/tasks.hpp"

namespace datasets::world {
namespace {

struct Terrain {
  Colour ground;
  Colour plants;
  Colour water;
  Colour stone;  // roads and yards
  Colour roof;
};

// A random colour between two, slightly varied.
Colour blended(engine::Random& random, const Colour a, const Colour b) {
  return jitter(mix(a, b, between(random, 0.0f, 1.0f)), 0.07f, random);
}

Terrain season(engine::Random& random) {
  const Colour gravel = {0.76f, 0.74f, 0.68f};
  const Colour asphalt = {0.30f, 0.30f, 0.31f};
  return {.ground = blended(random, {0.42f, 0.50f, 0.28f}, {0.62f, 0.54f, 0.36f}),
          .plants = jitter({0.22f, 0.36f, 0.18f}, 0.08f, random),
          .water = blended(random, {0.20f, 0.34f, 0.50f}, {0.30f, 0.40f, 0.34f}),
          .stone = jitter(random.chance(0.5) ? gravel : asphalt, 0.06f, random),
          .roof = blended(random, {0.68f, 0.40f, 0.30f}, {0.74f, 0.74f, 0.74f})};
}

Terrain free_terrain(engine::Random& random) {
  const Colour ground = random_colour(random);
  const auto other = [&] { return contrasting_colour(ground, 0.15f, random); };
  const Colour plants = other();
  const Colour water = other();
  const Colour stone = other();
  return {.ground = ground, .plants = plants, .water = water, .stone = stone, .roof = other()};
}

struct Scene {
  Canvas& canvas;
  Sketch& sketch;  // under the scene's random pose, which covers the canvas
  const Terrain& terrain;
  engine::Random& random;

  Sketch& fresh() const { return sketch.clear(); }
  float between(const float low, const float high) const { return world::between(random, low, high); }
  Point anywhere(const float reach) const {
    const float x = between(-reach, reach);
    return {x, between(-reach, reach)};
  }
};

// A roof of random extents.
void add_roof(const Scene& scene, const Point centre, const float low, const float high) {
  const float half_width = scene.between(low, high);
  scene.sketch.box(centre, half_width, scene.between(low, high));
}

// A winding line from one side to the other.
std::vector<Point> winding(const Scene& scene, const float sway) {
  const float phase = scene.between(0.0f, 2.0f * kPi);
  const float rate = scene.between(1.5f, 3.0f);
  const float middle = scene.between(-0.4f, 0.4f);
  std::vector<Point> points;
  for (std::int64_t i = 0; i <= 10; ++i) {
    const float x = -1.6f + 0.32f * static_cast<float>(i);
    points.push_back({x, middle + sway * std::sin(rate * x + phase)});
  }
  return points;
}

void paint_trees(const Scene& scene, const std::vector<Point>& places, const float low, const float high) {
  for (const float shade : {-0.06f, 0.06f}) {  // every second tree in the other shade
    scene.fresh();
    for (std::size_t i = shade < 0.0f ? 0 : 1; i < places.size(); i += 2) {
      scene.sketch.disc(places[i], scene.between(low, high));
    }
    const Colour plants = scene.terrain.plants;
    scene.canvas.paint(scene.sketch, {plants.red + shade, plants.green + shade, plants.blue + shade}, 0.9f);
  }
}

void farmland(const Scene& scene) {  // strips of different crops, some with furrows
  const Terrain& terrain = scene.terrain;
  float left = -1.7f;
  while (left < 1.6f) {
    const float half_width = scene.between(0.16f, 0.38f);
    const float x = left + half_width;
    const Colour other = scene.random.chance(0.5) ? terrain.plants : terrain.stone;
    const Colour crop = mix(terrain.ground, other, scene.between(0.0f, 0.7f));
    scene.canvas.paint(scene.fresh().box({x, 0.0f}, half_width, 2.0f), crop);
    if (scene.random.chance(0.5)) {
      scene.fresh();
      for (float furrow = left + 0.1f; furrow < x + half_width; furrow += 0.16f)
        scene.sketch.box({furrow, 0.0f}, 0.03f, 2.0f);
      scene.canvas.paint(scene.sketch, terrain.plants, 0.4f);
    }
    left += 2.0f * half_width;
  }
}

void river(const Scene& scene) {
  const std::vector<Point> course = winding(scene, scene.between(0.15f, 0.35f));
  scene.fresh().polyline(course, scene.between(0.11f, 0.2f));
  scene.canvas.paint(scene.sketch, scene.terrain.water);
}

void forest(const Scene& scene) {  // crowns without gaps
  std::vector<Point> places;
  for (std::int64_t i = 0; i < 46; ++i) places.push_back(scene.anywhere(1.3f));
  scene.canvas.fill(mix(scene.terrain.plants, scene.terrain.ground, 0.35f));
  paint_trees(scene, places, 0.14f, 0.22f);
}

void residential(const Scene& scene) {  // small roofs in rows along a street
  const float street = scene.between(-0.2f, 0.2f);
  scene.canvas.paint(scene.fresh().box({0.0f, street}, 2.0f, 0.07f), scene.terrain.stone);
  scene.fresh();
  const float offset = scene.between(-0.2f, 0.2f);
  for (const float row : {-0.72f, -0.3f, 0.3f, 0.72f}) {
    for (float x = -1.2f + offset; x < 1.3f; x += 0.42f) {
      if (scene.random.chance(0.15)) continue;
      const Point centre = {x + scene.between(-0.05f, 0.05f), street + row + scene.between(-0.05f, 0.05f)};
      add_roof(scene, centre, 0.09f, 0.14f);
    }
  }
  scene.canvas.paint(scene.sketch, scene.terrain.roof);
}

void highway(const Scene& scene) {  // straight, with a lane line
  const float y = scene.between(-0.4f, 0.4f);
  const float half_width = scene.between(0.15f, 0.22f);
  scene.canvas.paint(scene.fresh().box({0.0f, y}, 2.0f, half_width), scene.terrain.stone);
  scene.canvas.paint(scene.fresh().box({0.0f, y}, 2.0f, 0.03f), scene.terrain.ground, 0.8f);
}

void lake(const Scene& scene) {
  const Point centre = scene.anywhere(0.25f);
  scene.fresh();
  for (std::int64_t i = 0; i < 4; ++i) {
    const Point away = scene.anywhere(0.3f);
    scene.sketch.disc({centre.x + away.x, centre.y + away.y}, scene.between(0.25f, 0.45f));
  }
  scene.canvas.paint(scene.sketch, scene.terrain.water);
}

void industrial(const Scene& scene) {  // a paved yard with a few large roofs
  scene.canvas.paint(scene.fresh().box(scene.anywhere(0.1f), 0.95f, 0.9f), scene.terrain.stone, 0.8f);
  scene.fresh();
  for (const float x : {-0.45f, 0.45f}) {
    const float split = scene.between(-0.2f, 0.2f);
    add_roof(scene, {x, split - 0.45f}, 0.24f, 0.38f);
    if (scene.random.chance(0.7)) add_roof(scene, {x, split + 0.48f}, 0.24f, 0.38f);
  }
  scene.canvas.paint(scene.sketch, scene.terrain.roof);
}

void pasture(const Scene& scene) {  // open ground, thin fences, few trees
  const float left = scene.between(-0.7f, 0.7f);
  scene.fresh().segment({-2.0f, left}, {2.0f, scene.between(-0.7f, 0.7f)}, 0.025f);
  const float x = scene.between(-0.6f, 0.6f);
  scene.sketch.segment({x, -2.0f}, {x + scene.between(-0.3f, 0.3f), 2.0f}, 0.025f);
  scene.canvas.paint(scene.sketch, scene.terrain.plants, 0.7f);
  std::vector<Point> places;
  for (std::int64_t i = between(scene.random, std::int64_t{2}, std::int64_t{5}); i > 0; --i)
    places.push_back(scene.anywhere(0.9f));
  paint_trees(scene, places, 0.07f, 0.13f);
}

void orchard(const Scene& scene) {  // trees in a square lattice
  const float spacing = scene.between(0.32f, 0.42f);
  const Point offset = scene.anywhere(0.2f);
  std::vector<Point> places;
  for (std::int64_t i = -4; i <= 4; ++i) {
    for (std::int64_t j = -4; j <= 4; ++j) {
      if (scene.random.chance(0.06)) continue;
      const Point away = scene.anywhere(0.03f);
      places.push_back(
          {spacing * static_cast<float>(i) + offset.x + away.x, spacing * static_cast<float>(j) + offset.y + away.y});
    }
  }
  paint_trees(scene, places, 0.09f, 0.13f);
}

void desert(const Scene& scene) {  // long soft ridges
  const float rate = scene.between(9.0f, 14.0f);
  const float sway = scene.between(0.08f, 0.16f);
  const float strength = scene.between(0.15f, 0.35f);
  std::vector<float> ridges(scene.sketch.x().size());
  for (std::size_t i = 0; i < ridges.size(); ++i) {
    const float x = scene.sketch.x()[i];
    ridges[i] = strength * (1.0f + std::sin(rate * (scene.sketch.y()[i] + sway * std::sin(4.0f * x))));
  }
  scene.canvas.blend(ridges, scene.terrain.stone);
}

constexpr std::array<void (*)(const Scene&), 10> kKinds = {farmland, river,      forest,  residential, highway,
                                                           lake,     industrial, pasture, orchard,     desert};

// One or two small things that any land may hold, each a weak copy of another class.
void distract(const Scene& scene) {
  const Point centre = scene.anywhere(0.85f);
  switch (scene.random.index(5)) {
    case 0: {
      std::vector<Point> clump;
      for (std::int64_t i = 0; i < 5; ++i) {
        const Point away = scene.anywhere(0.18f);
        clump.push_back({centre.x + away.x, centre.y + away.y});
      }
      paint_trees(scene, clump, 0.08f, 0.14f);
      break;
    }
    case 1:
      scene.canvas.paint(scene.fresh().box(centre, 0.12f, 0.1f), scene.terrain.roof);
      break;
    case 2:
      scene.canvas.paint(scene.fresh().polyline(winding(scene, 0.1f), 0.045f), scene.terrain.stone, 0.8f);
      break;
    case 3:
      scene.canvas.paint(scene.fresh().ellipse(centre, 0.22f, 0.16f), scene.terrain.water);
      break;
    default:
      break;
  }
}

void render_land_use(Canvas& canvas, const std::int64_t label, const Distribution distribution,
                     engine::Random& random) {
  const bool web = distribution == Distribution::web;
  const Terrain terrain = web ? free_terrain(random) : season(random);
  canvas.fill(terrain.ground);
  canvas.mottle(0.05f, 6, random);

  const PoseRange range = {
      .rotation = kPi, .scale_low = 0.9f, .scale_high = 1.15f, .stretch = 0.1f, .shear = 0.08f, .shift = 0.1f};
  Sketch sketch(canvas.size(), random_pose(range, distribution, random));
  const Scene scene = {canvas, sketch, terrain, random};
  kKinds[static_cast<std::size_t>(label)](scene);
  distract(scene);
  if (random.chance(0.5)) distract(scene);

  if (!web) {  // haze
    blur(canvas.pixels(), canvas.size(), between(random, 0.2f, 0.7f));
    const float contrast = between(random, 0.6f, 0.95f);
    adjust(canvas.pixels(), contrast, between(random, -0.05f, 0.12f));
    add_noise(canvas.pixels(), between(random, 0.01f, 0.035f), random);
  }
}

}  // namespace

TaskSpec make_land_use() {
  return {.name = "land_use",
          .text = {.domain = "aerial landscape",
                   .class_names = {"farmland", "river", "forest", "residential", "highway", "lake", "industrial",
                                   "pasture", "orchard", "desert"},
                   .aliases = {"cropland", "stream", "woodland", "suburb", "motorway", "reservoir", "factory", "meadow",
                               "grove", "dunes"},
                   .templates = {"a photo of an aerial landscape {class}", "an image of an aerial landscape of {class}",
                                 "the aerial landscape {class}"}},
          .render = render_land_use};
}

}  // namespace datasets::world
