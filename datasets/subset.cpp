// The indices are checked once, here, so that a wrong one shows where it was made and not in the middle of an epoch.
#include "datasets/subset.hpp"

#include <stdexcept>
#include <utility>

#include "datasets/bounds.hpp"

namespace datasets {

Subset::Subset(std::shared_ptr<const Dataset> base, std::vector<std::int64_t> indices)
    : base_(std::move(base)), indices_(std::move(indices)) {
  if (!base_) throw std::invalid_argument("[subset] needs a data set; arrived null.");
  for (const std::int64_t index : indices_) {
    if (index >= 0 && index < base_->size()) continue;
    throw std::invalid_argument("[subset] indices must be in 0 .. " + std::to_string(base_->size() - 1) + "; arrived " +
                                std::to_string(index) + ".");
  }
}

std::int64_t Subset::base_index(const std::int64_t index) const {
  check_index("subset", index, size());
  return indices_[static_cast<std::size_t>(index)];
}

}  // namespace datasets
