#include "datasets/for_each.hpp"

namespace datasets {

void serial(const std::int64_t count, const std::function<void(std::int64_t)>& body) {
  for (std::int64_t index = 0; index < count; ++index) body(index);
}

}  // namespace datasets
