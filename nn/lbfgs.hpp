// L-BFGS: a quasi-Newton method whose Hessian is made of the last m steps.
//                                            [Nocedal & Wright 2006, Numerical Optimization, algorithms 7.4 and 7.5]
//   d  = −H ∇F(x)      H, the approximate inverse Hessian, from the pairs s = x⁺ − x and y = ∇F(x⁺) − ∇F(x)
//   x⁺ = x + t d       t by the strong Wolfe conditions on φ(t) = F(x + t d):          [algorithms 3.5 and 3.6]
//                        φ(t) <= φ(0) + c1 t φ'(0)   and   |φ'(t)| <= c2 |φ'(0)|
//
// F is asked for its gradient at points and for values along lines, one line per iteration: where a line is cheap once its
// direction is known, as it is for a function of J τ, the search costs next to nothing.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <vector>

#include "nn/params.hpp"

namespace nn {

struct LinePoint {
  double value;  // φ(t)
  double slope;  // φ'(t)
};
using Line = std::function<LinePoint(double t)>;

struct WolfeConditions {
  double c1 = 1e-4;
  double c2 = 0.1;  // a search this exact pays where lines are cheap; 0.9 is usual where they are not
};

// A t > 0 that meets the conditions, looked for from t = first on; one that only meets the first condition if rounding hides
// the second; none if rounding hides both. Throws std::invalid_argument unless φ falls at 0.
std::optional<double> wolfe_step(const Line& phi, double first, const WolfeConditions& conditions = {});

struct Objective {                                         // a smooth function F at a point x that it keeps
  std::function<ParamTree()> gradient;                     // ∇F(x)
  std::function<Line(const ParamTree& d)> along;           // t ↦ F(x + t d), used until x moves
  std::function<void(const ParamTree& d, double t)> move;  // x ← x + t d
};

struct LbfgsState {  // what one iteration hands to the next
  struct Pair {
    ParamTree s;
    ParamTree y;
  };
  ParamTree gradient;       // ∇F(x)
  std::vector<Pair> pairs;  // the oldest first, at most m
};

// H q by the two-loop recursion; H starts from (sᵀy / yᵀy) I with the newest pair, I without any.
ParamTree inverse_hessian_times(const std::vector<LbfgsState::Pair>& pairs, ParamTree q);

// One iteration: moves the objective's x and updates the state, whose gradient must be that at x. Returns F(x), or nothing,
// x being where it was, if no step lowers F by more than rounding: a minimum, as far as it can be told.
std::optional<double> lbfgs_step(const Objective& objective, LbfgsState& state, std::size_t memory = 10,
                                 const WolfeConditions& conditions = {});

}  // namespace nn
