#include "experiments/common/text_table.hpp"

#include <algorithm>
#include <cstdio>
#include <utility>

namespace experiments {

void TextTable::row(std::string name, std::vector<std::string> cells) {
  rows_.push_back({std::move(name), std::move(cells)});
}

std::string TextTable::text() const {
  constexpr std::size_t kCellWidth = 9;
  std::size_t name_width = 13;
  std::vector<std::size_t> widths;
  for (const auto& [name, cells] : rows_) {
    name_width = std::max(name_width, name.size());
    widths.resize(std::max(widths.size(), cells.size()), kCellWidth);
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const std::size_t gap = i == 0 ? 0 : 1;  // a space follows the name anyway
      if (cells[i].size() + gap > kCellWidth) widths[i] = std::max(widths[i], cells[i].size() + 1);
    }
  }
  const auto spaces = [](std::size_t width, const std::string& text) {
    return std::string(width > text.size() ? width - text.size() : 0, ' ');
  };
  std::string text;
  for (const auto& [name, cells] : rows_) {
    text += name + spaces(name_width + 1, name);
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (std::ranges::find(bars_before_, i) != bars_before_.end()) text += "  |";
      text += spaces(widths[i], cells[i]) + cells[i];
    }
    text += "\n";
  }
  return text;
}

std::string decimals(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof(text), "%.*f", digits, value);
  return text;
}

std::string written(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.10g", value);
  return text;
}

std::string three_decimals(double value) { return decimals(value, 3); }

std::string percent(double share) { return decimals(100.0 * share, 1); }

}  // namespace experiments
