// The registry of the built-in tasks.
#include "datasets/world/tasks.hpp"

#include <algorithm>
#include <array>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

namespace datasets::world {
namespace {

const std::array<TaskSpec, 9>& all_tasks() {  // the control is the last
  static const std::array<TaskSpec, 9> specs = {make_digits(),   make_house_numbers(), make_signs(),
                                                make_textures(), make_land_use(),      make_vehicles(),
                                                make_letters(),  make_gauges(),        make_objects()};
  return specs;
}

// The number of letters to insert, delete or replace (Levenshtein), one row of the usual table at a time.
std::size_t edit_distance(const std::string_view a, const std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0]++;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

}  // namespace

std::span<const TaskSpec> tasks() { return std::span<const TaskSpec>(all_tasks()).first(8); }

const TaskSpec& control_task() { return all_tasks().back(); }

const TaskSpec& find_task(const std::string_view name) {
  const TaskSpec* nearest = nullptr;
  std::string known;
  for (const TaskSpec& task : all_tasks()) {
    if (task.name == name) return task;
    if (nearest == nullptr || edit_distance(name, task.name) < edit_distance(name, nearest->name)) nearest = &task;
    known += (known.empty() ? "" : ", ") + std::string(task.name);
  }
  throw std::invalid_argument("[world] a task is one of " + known + "; there is no '" + std::string(name) +
                              "'; nearest: '" + std::string(nearest->name) + "'.");
}

}  // namespace datasets::world
