// The registry of the built-in tasks.
#include "datasets/world/tasks.hpp"

#include <array>
#include <stdexcept>
#include <string>

namespace datasets::world {
namespace {

const std::array<TaskSpec, 9>& all_tasks() {  // the control is the last
  static const std::array<TaskSpec, 9> specs = {make_digits(),   make_house_numbers(), make_signs(),
                                                make_textures(), make_land_use(),      make_vehicles(),
                                                make_letters(),  make_gauges(),        make_objects()};
  return specs;
}

}  // namespace

std::span<const TaskSpec> tasks() { return std::span<const TaskSpec>(all_tasks()).first(8); }

const TaskSpec& control_task() { return all_tasks().back(); }

const TaskSpec& find_task(const std::string_view name) {
  std::string known;
  for (const TaskSpec& task : all_tasks()) {
    if (task.name == name) return task;
    known += (known.empty() ? "" : ", ") + std::string(task.name);
  }
  throw std::invalid_argument("[world] a task is one of " + known + "; there is no '" + std::string(name) + "'.");
}

}  // namespace datasets::world
