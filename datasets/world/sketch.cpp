// Signed distances of the simple shapes; every loop runs over the whole canvas so that it becomes vector code.
#include "datasets/world/sketch.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numbers>

namespace datasets::world {
namespace {

constexpr float kFar = 1e6f;
constexpr float kRadians = std::numbers::pi_v<float> / 180.0f;

// A segment, prepared for the nearest-point projection  t = clamp((p − from)·direction / |direction|², 0, 1).
struct Edge {
  Edge(const Point start, const Point end)
      : from(start),
        direction{end.x - start.x, end.y - start.y},
        inverse_square(1.0f / std::max(direction.x * direction.x + direction.y * direction.y, 1e-12f)) {}

  float squared_distance(const float x, const float y) const {
    const float px = x - from.x;
    const float py = y - from.y;
    const float t = std::clamp((px * direction.x + py * direction.y) * inverse_square, 0.0f, 1.0f);
    const float qx = px - t * direction.x;
    const float qy = py - t * direction.y;
    return qx * qx + qy * qy;
  }

  Point from;
  Point direction;
  float inverse_square;
};

}  // namespace

std::vector<Point> arc(const Point centre, const float radius_x, const float radius_y, const float from_degrees,
                       const float to_degrees) {
  constexpr float kDegreesPerPiece = 27.0f;  // a chord leaves the circle by 3 % of its radius: less than a pixel here
  const std::int64_t pieces =
      std::max<std::int64_t>(2, std::llround(std::abs(to_degrees - from_degrees) / kDegreesPerPiece));
  std::vector<Point> points;
  for (std::int64_t i = 0; i <= pieces; ++i) {
    const float share = static_cast<float>(i) / static_cast<float>(pieces);
    const float angle = (from_degrees + share * (to_degrees - from_degrees)) * kRadians;
    points.push_back({centre.x + radius_x * std::cos(angle), centre.y + radius_y * std::sin(angle)});
  }
  return points;
}

std::vector<Point> regular_polygon(const std::int64_t count, const float radius, const float inner) {
  const std::int64_t corners = inner < 1.0f ? 2 * count : count;
  std::vector<Point> points;
  for (std::int64_t i = 0; i < corners; ++i) {
    const float angle = (360.0f * static_cast<float>(i) / static_cast<float>(corners) - 90.0f) * kRadians;
    const float reach = inner < 1.0f && i % 2 == 1 ? radius * inner : radius;
    points.push_back({reach * std::cos(angle), reach * std::sin(angle)});
  }
  return points;
}

Sketch::Sketch(const std::int64_t size, const Pose& pose)
    : size_(size),
      pixels_per_unit_(pose.scale * std::sqrt(std::abs(pose.stretch)) * static_cast<float>(size) * 0.5f),
      x_(static_cast<std::size_t>(size * size)),
      y_(x_.size()),
      distance_(x_.size(), kFar) {
  const float cosine = std::cos(pose.rotation) / pose.scale;
  const float sine = std::sin(pose.rotation) / pose.scale;
  const float step = 2.0f / static_cast<float>(size);
  for (std::int64_t row = 0; row < size; ++row) {
    const float dy = (static_cast<float>(row) + 0.5f) * step - 1.0f - pose.shift.y;
    for (std::int64_t column = 0; column < size; ++column) {
      const float dx = (static_cast<float>(column) + 0.5f) * step - 1.0f - pose.shift.x;
      const float y = cosine * dy - sine * dx;
      const auto pixel = static_cast<std::size_t>(row * size + column);
      x_[pixel] = (cosine * dx + sine * dy - pose.shear * y) / pose.stretch;
      y_[pixel] = y;
    }
  }
}

template <class Distance>
Sketch& Sketch::unite(const Distance& distance) {
  const float* const x = x_.data();
  const float* const y = y_.data();
  float* const nearest = distance_.data();
  const std::size_t pixels = distance_.size();
#pragma omp simd
  for (std::size_t i = 0; i < pixels; ++i) {
    nearest[i] = std::min(nearest[i], distance(x[i], y[i]) * pixels_per_unit_);
  }
  return *this;
}

Sketch& Sketch::disc(const Point centre, const float radius) {
  return unite([=](const float px, const float py) {
    const float x = px - centre.x;
    const float y = py - centre.y;
    return std::sqrt(x * x + y * y) - radius;
  });
}

Sketch& Sketch::ellipse(const Point centre, const float radius_x, const float radius_y) {
  const float inverse_x = 1.0f / radius_x;
  const float inverse_y = 1.0f / radius_y;
  return unite([=](const float px, const float py) {
    // First order from the outline inwards and outwards:  f / |∇f|  with  f = k (k − 1),  k = |(x / radius_x, y /
    // radius_y)|.
    const float x = (px - centre.x) * inverse_x;
    const float y = (py - centre.y) * inverse_y;
    const float k = std::sqrt(x * x + y * y + 1e-12f);
    const float gradient = std::sqrt(x * x * inverse_x * inverse_x + y * y * inverse_y * inverse_y + 1e-12f);
    return k * (k - 1.0f) / gradient;
  });
}

Sketch& Sketch::ring(const Point centre, const float radius, const float half_width) {
  return unite([=](const float px, const float py) {
    const float x = px - centre.x;
    const float y = py - centre.y;
    return std::abs(std::sqrt(x * x + y * y) - radius) - half_width;
  });
}

Sketch& Sketch::box(const Point centre, const float half_width, const float half_height) {
  return unite([=](const float px, const float py) {
    return std::max(std::abs(px - centre.x) - half_width, std::abs(py - centre.y) - half_height);
  });
}

Sketch& Sketch::segment(const Point from, const Point to, const float half_width) {
  const Edge edge(from, to);
  return unite([=](const float px, const float py) { return std::sqrt(edge.squared_distance(px, py)) - half_width; });
}

Sketch& Sketch::polyline(const std::span<const Point> points, const float half_width) {
  for (std::size_t i = 1; i < points.size(); ++i) segment(points[i - 1], points[i], half_width);
  return *this;
}

Sketch& Sketch::polygon(const std::span<const Point> corners) {
  std::vector<float> squared(distance_.size(), kFar);
  std::vector<float> side(distance_.size(), 1.0f);  // −1 inside: flipped by every edge that a ray to the right crosses
  const float* const x = x_.data();
  const float* const y = y_.data();
  for (std::size_t corner = 0; corner < corners.size(); ++corner) {
    const Point from = corners[corner];
    const Point to = corners[(corner + 1) % corners.size()];
    const Edge edge(from, to);
    const float slope = to.y == from.y ? 0.0f : (to.x - from.x) / (to.y - from.y);
#pragma omp simd
    for (std::size_t i = 0; i < squared.size(); ++i) {
      squared[i] = std::min(squared[i], edge.squared_distance(x[i], y[i]));
      const bool crosses = ((from.y > y[i]) != (to.y > y[i])) & (x[i] < from.x + slope * (y[i] - from.y));
      side[i] = crosses ? -side[i] : side[i];
    }
  }
#pragma omp simd
  for (std::size_t i = 0; i < squared.size(); ++i) {
    distance_[i] = std::min(distance_[i], side[i] * std::sqrt(squared[i]) * pixels_per_unit_);
  }
  return *this;
}

Sketch& Sketch::clear() {
  std::fill(distance_.begin(), distance_.end(), kFar);
  return *this;
}

Sketch& Sketch::grow(const float margin) {
  for (float& distance : distance_) distance -= margin * pixels_per_unit_;
  return *this;
}

Sketch& Sketch::subtract(const Sketch& other) {
  assert(other.size_ == size_);
  for (std::size_t i = 0; i < distance_.size(); ++i) distance_[i] = std::max(distance_[i], -other.distance_[i]);
  return *this;
}

}  // namespace datasets::world
