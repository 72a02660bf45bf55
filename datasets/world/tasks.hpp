// The built-in world: eight small classification tasks and a control task, all drawn by programs, one file per task.
// Nothing is downloaded, every image is a function of its seed, and all tasks share one renderer and one pre-training
// style.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "datasets/task_text.hpp"
#include "datasets/world/canvas.hpp"
#include "datasets/world/style.hpp"
#include "engine/tensor/random.hpp"

namespace datasets::world {

struct TaskSpec {
  std::string_view name;
  TaskText text;
  // Draws one image of class `label` in the palette and poses of the distribution (without its photometric step).
  void (*render)(Canvas& canvas, std::int64_t label, Distribution distribution, engine::Random& random);
};

// The eight tasks that are learned and added: digits, house_numbers, signs, textures, land_use, vehicles, letters,
// gauges.
std::span<const TaskSpec> tasks();
// "objects": never fine-tuned on; its accuracy tells what else a model forgets when a task is negated.
const TaskSpec& control_task();
// One of the nine, by name. Throws std::invalid_argument with the known names.
const TaskSpec& find_task(std::string_view name);

TaskSpec make_digits();
TaskSpec make_house_numbers();
TaskSpec make_signs();
TaskSpec make_textures();
TaskSpec make_land_use();
TaskSpec make_vehicles();
TaskSpec make_letters();
TaskSpec make_gauges();
TaskSpec make_objects();

}  // namespace datasets::world
