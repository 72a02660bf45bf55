// Geometry of one drawing: a signed distance per pixel (negative inside) to a union of simple shapes, which are given
// in the drawing's own coordinates and placed on the canvas [-1, 1]^2 (x to the right, y down) by a pose.
//   canvas = R(rotation) · scale · (stretch·x + shear·y, y) + shift
// Distances follow iquilezles.org/articles/distfunctions2d; a stretched or sheared drawing has its edges softened
// unevenly, which at these sizes nobody sees.
#pragma once

#include <cstdint>
#include <numbers>
#include <span>
#include <vector>

namespace datasets::world {

inline constexpr float kPi = std::numbers::pi_v<float>;

struct Point {
  float x = 0.0f;
  float y = 0.0f;
};

struct Pose {
  float rotation = 0.0f;  // radians, clockwise on the screen
  float scale = 1.0f;
  float stretch = 1.0f;  // of x alone; negative mirrors
  float shear = 0.0f;
  Point shift;
};

// The points of a circle or ellipse from one angle to another (degrees; 0 right, 90 down), ends included.
std::vector<Point> arc(Point centre, float radius_x, float radius_y, float from_degrees, float to_degrees);
// The corners of a regular polygon; with inner < 1 every second of 2·count corners is drawn in, which makes a star.
std::vector<Point> regular_polygon(std::int64_t count, float radius, float inner = 1.0f);

class Sketch {
 public:
  Sketch(std::int64_t size, const Pose& pose);

  // Each unites a shape with what is there and returns the sketch, so that calls chain.
  Sketch& disc(Point centre, float radius);
  Sketch& ellipse(Point centre, float radius_x, float radius_y);
  Sketch& ring(Point centre, float radius, float half_width);
  Sketch& box(Point centre, float half_width, float half_height);
  Sketch& segment(Point from, Point to, float half_width);
  Sketch& polyline(std::span<const Point> points, float half_width);
  Sketch& polygon(std::span<const Point> corners);  // any simple polygon, either orientation

  Sketch& clear();                        // an empty drawing under the same pose
  Sketch& grow(float margin);             // moves the outline outwards (inwards if negative)
  Sketch& subtract(const Sketch& other);  // removes what `other` covers; both must have one size

  std::int64_t size() const noexcept { return size_; }
  // Per pixel, row by row, [size, size]: the drawing's own coordinates, and the signed distance in pixels of the
  // canvas.
  std::span<const float> x() const noexcept { return x_; }
  std::span<const float> y() const noexcept { return y_; }
  std::span<const float> distance() const noexcept { return distance_; }

 private:
  template <class Distance>
  Sketch& unite(const Distance& distance);

  std::int64_t size_;
  float pixels_per_unit_;
  std::vector<float> x_, y_, distance_;
};

}  // namespace datasets::world
