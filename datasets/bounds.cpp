// Each check compares once; the messages are built only on the way out.
#include "datasets/bounds.hpp"

#include <stdexcept>
#include <string>

namespace datasets {

void check_index(const std::string_view where, const std::int64_t index, const std::int64_t size) {
  if (index >= 0 && index < size) return;
  throw std::out_of_range("[" + std::string(where) + "] images are numbered 0 to " + std::to_string(size - 1) +
                          "; asked for " + std::to_string(index) + ".");
}

void check_room(const std::string_view where, const std::span<const float> chw, const std::int64_t image_size) {
  if (static_cast<std::int64_t>(chw.size()) == 3 * image_size * image_size) return;
  throw std::invalid_argument("[" + std::string(where) + "] an image has 3·" + std::to_string(image_size) +
                              "² values; arrived room for " + std::to_string(chw.size()) + ".");
}

void check_labels(const std::string_view where, const std::span<const std::int64_t> labels, const std::size_t classes) {
  for (const std::int64_t label : labels) {
    if (label >= 0 && label < static_cast<std::int64_t>(classes)) continue;
    throw std::invalid_argument("[" + std::string(where) + "] labels must be below the number of classes, " +
                                std::to_string(classes) + "; arrived " + std::to_string(label) + ".");
  }
}

void check_image_size(const std::string_view where, const std::int64_t image_size) {
  if (image_size >= 1) return;
  throw std::invalid_argument("[" + std::string(where) + "] image_size must be positive; arrived " +
                              std::to_string(image_size) + ".");
}

}  // namespace datasets
