#include "nn/lbfgs.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

namespace nn {
namespace {

constexpr int kMostTrials = 40;
constexpr double kGrowth = 4.0;         // of t while φ still falls
constexpr double kMargin = 0.1;         // of a bracket, on both sides, where no trial is made: it always shrinks
constexpr double kLeastCosine = 1e-10;  // between s and y; less is rounding, not curvature

struct Trial {
  double t;
  double value;
  double slope;
};

// The minimiser of the cubic with the values and slopes of a and b, kept off both.        [Nocedal & Wright 2006, eq. 3.59]
double between(const Trial& a, const Trial& b) {
  const double width = b.t - a.t;
  const double d1 = a.slope + b.slope - 3.0 * (b.value - a.value) / width;
  const double d2 = std::copysign(std::sqrt(d1 * d1 - a.slope * b.slope), width);
  const double t = b.t - width * (b.slope + d2 - d1) / (b.slope - a.slope + 2.0 * d2);
  if (!std::isfinite(t)) return a.t + 0.5 * width;
  return std::clamp(t, std::min(a.t, b.t) + kMargin * std::abs(width), std::max(a.t, b.t) - kMargin * std::abs(width));
}

class WolfeSearch {
 public:
  WolfeSearch(const Line& phi, const WolfeConditions& conditions)
      : phi_(phi), conditions_(conditions), start_(trial(0.0)) {
    if (!(start_.slope < 0.0))
      throw std::invalid_argument("[wolfe_step] needs a direction along which the function falls; its slope is " +
                                  std::to_string(start_.slope) + ".");
  }

  std::optional<double> bracket(double first) const {
    Trial last = start_;
    double t = first;
    for (int i = 0; i < kMostTrials; ++i, t *= kGrowth) {
      const Trial now = trial(t);
      if (!low_enough(now) || (i > 0 && now.value >= last.value)) return zoom(last, now);
      if (flat_enough(now)) return t;
      if (now.slope >= 0.0) return zoom(now, last);
      last = now;
    }
    return last.t;
  }

 private:
  // `low` is the lowest trial that is low enough, and φ falls from it towards `high`.
  std::optional<double> zoom(Trial low, Trial high) const {
    for (int i = 0; i < kMostTrials; ++i) {
      const Trial now = trial(between(low, high));
      if (!low_enough(now) || now.value >= low.value) {
        high = now;
      } else {
        if (flat_enough(now)) return now.t;
        if (now.slope * (high.t - low.t) >= 0.0) high = low;
        low = now;
      }
    }
    return low.t > 0.0 ? std::optional(low.t) : std::nullopt;
  }

  Trial trial(double t) const {
    const auto [value, slope] = phi_(t);
    return {t, value, slope};
  }
  // NaN is not low.
  bool low_enough(const Trial& at) const {
    return at.value <= start_.value + conditions_.c1 * at.t * start_.slope && std::isfinite(at.slope);
  }
  bool flat_enough(const Trial& at) const { return std::abs(at.slope) <= -conditions_.c2 * start_.slope; }

  const Line& phi_;
  WolfeConditions conditions_;
  Trial start_;
};

}  // namespace

std::optional<double> wolfe_step(const Line& phi, double first, const WolfeConditions& conditions) {
  return WolfeSearch(phi, conditions).bracket(first);
}

ParamTree inverse_hessian_times(const std::vector<LbfgsState::Pair>& pairs, ParamTree q) {
  std::vector<double> a(pairs.size());
  for (std::size_t i = pairs.size(); i-- > 0;) {
    const auto& [s, y] = pairs[i];
    a[i] = dot(s, q) / dot(s, y);
    q.axpy(-a[i], y);
  }
  if (!pairs.empty()) q *= dot(pairs.back().s, pairs.back().y) / dot(pairs.back().y, pairs.back().y);
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const auto& [s, y] = pairs[i];
    q.axpy(a[i] - dot(y, q) / dot(s, y), s);
  }
  return q;
}

std::optional<double> lbfgs_step(const Objective& objective, LbfgsState& state, std::size_t memory,
                                 const WolfeConditions& conditions) {
  const double gradient_norm = norm(state.gradient);
  if (gradient_norm == 0.0) return std::nullopt;
  while (true) {
    const ParamTree d = -1.0 * inverse_hessian_times(state.pairs, state.gradient);
    const double first = state.pairs.empty() ? std::min(1.0, 1.0 / gradient_norm) : 1.0;
    const Line phi = objective.along(d);
    const std::optional<double> t = phi(0.0).slope < 0.0 ? wolfe_step(phi, first, conditions) : std::nullopt;
    if (!t.has_value()) {  // perhaps the pairs mislead: once more, straight downhill
      if (state.pairs.empty()) return std::nullopt;
      state.pairs.clear();
      continue;
    }
    const double value = phi(*t).value;
    objective.move(d, *t);
    ParamTree gradient = objective.gradient();
    ParamTree s = *t * d;
    ParamTree y = gradient - state.gradient;
    if (dot(s, y) > kLeastCosine * norm(s) * norm(y)) state.pairs.push_back({std::move(s), std::move(y)});
    if (state.pairs.size() > memory) state.pairs.erase(state.pairs.begin());
    state.gradient = std::move(gradient);
    return value;
  }
}

}  // namespace nn
