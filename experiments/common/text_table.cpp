#include "experiments/common/text_table.hpp"

#include <algorithm>
#include <cstdio>

namespace experiments {

void TextTable::row(const std::string& name, const std::vector<std::string>& cells) {
  constexpr std::size_t kNameWidth = 14;
  constexpr std::size_t kCellWidth = 9;
  const auto spaces = [](std::size_t width, const std::string& text) {
    return std::string(width > text.size() ? width - text.size() : 0, ' ');
  };
  text_ += name + spaces(kNameWidth, name);
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (std::ranges::find(bars_before_, i) != bars_before_.end()) text_ += "  |";
    text_ += spaces(kCellWidth, cells[i]) + cells[i];
  }
  text_ += "\n";
}

std::string decimals(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof(text), "%.*f", digits, value);
  return text;
}

std::string percent(double share) { return decimals(100.0 * share, 1); }

}  // namespace experiments
