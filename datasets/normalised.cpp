#include "datasets/normalised.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace datasets {

Normalised::Normalised(std::shared_ptr<const Dataset> base, const Normalisation& normalisation)
    : base_(std::move(base)), normalisation_(normalisation) {
  if (!base_) throw std::invalid_argument("[normalised] needs a data set; arrived null.");
  if (!std::ranges::all_of(normalisation_.deviation, [](const float value) { return value > 0.0f; }))
    throw std::invalid_argument("[normalised] every deviation must be positive.");
}

}  // namespace datasets
