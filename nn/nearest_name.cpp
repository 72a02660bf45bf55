#include "nn/nearest_name.hpp"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <ranges>
#include <utility>
#include <vector>

namespace nn {
namespace {

std::size_t edit_distance(std::string_view a, std::string_view b) {  // [Levenshtein 1966], one row at a time
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row.back();
}

// One stands in the other, as "lr" in "finetune-lr".
bool is_part(std::string_view a, std::string_view b) {
  if (a.size() > b.size()) std::swap(a, b);
  return a.size() > 1 && b.find(a) != std::string_view::npos;
}

}  // namespace

std::string nearest_hint(std::string_view name, std::span<const std::string> known) {
  const auto distance = [name](const std::string& other) { return edit_distance(name, other); };
  auto near = known | std::views::filter([&](const std::string& other) {
                return distance(other) <= (name.size() + 2) / 3 || is_part(name, other);
              });
  const auto best = std::ranges::min_element(near, {}, distance);
  return best == near.end() ? "" : "; nearest: '" + *best + "'";
}

}  // namespace nn
