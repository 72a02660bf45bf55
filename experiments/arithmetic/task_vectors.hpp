// The task vectors of fine-tuned models, read from files, and the frame of every stage that computes something from
// them: it is skipped when its results are there.
#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/common/pretraining.hpp"
#include "experiments/common/run_folder.hpp"
#include "experiments/common/tasks.hpp"

namespace experiments {

struct Vectors {  // of one task, by the mode it was fine-tuned in
  nn::ParamTree standard;
  std::optional<nn::ParamTree> linear;  // there unless the inputs say that it may be missing
};

struct TaskVectors {
  TaskData task;
  nn::ParamTree standard;
  std::optional<nn::ParamTree> linear;
};

// What others fine-tuned is seldom linear: an experiment that can do without those vectors leaves the mode out.
enum class Linear { needed, if_there };

struct TaskVectorInputs {
  const Pretrained& pretrained;
  std::vector<TaskSource> sources;  // the tasks, and the control if there is one
  std::string control;              // names one of them, or is "none"
  std::filesystem::path finetuned;  // folder with <mode>/<task>/ as find_task_vector reads it
  std::optional<std::int64_t> control_validation_images = std::nullopt;  // the recipe's if not given
  Linear linear = Linear::needed;
};

TaskVectorInputs without_control(TaskVectorInputs inputs);  // the same of the tasks alone

// Where the fine-tuned weights of a task lie below `finetuned`: <mode>/<task>.
std::filesystem::path finetuned_folder(const std::filesystem::path& finetuned, std::string_view mode,
                                       const std::string& task);

// The vectors of a task, the standard one first, along which tangents are taken.
std::vector<nn::ParamTree> directions_of(const TaskVectors& own);

// Those of kModes that these vectors make: all, or without "linear".
std::vector<const char*> modes_of(const std::vector<TaskVectors>& tasks);

// Throws std::runtime_error naming the file if one is missing or belongs to other weights. Where linear ones may be missing,
// either no task has one or each has.
Vectors load_vectors(const TaskVectorInputs& inputs, const std::string& task);

// How `finetune` made the vectors, as far as the manifests beside them agree: what a program that goes on with them takes unless
// told otherwise. Nothing is known of models of others.
struct Making {
  std::optional<std::uint64_t> seed;
  Json finetune = Json::object();         // of the recipe, by the keys of its JSON
  std::vector<std::string> disagreement;  // keys of which the models tell different things; "seed" is one
};
// Throws std::runtime_error naming the file if a manifest of `finetune` holds what no recipe has.
Making making_of(const std::filesystem::path& finetuned, const std::vector<std::string>& tasks);

// Runs `compute` on the task vectors and images, which it may let go, and leaves what it returns, and the seconds it took unless
// it tells them itself, in the folder's results.json; or returns what an earlier run left there. `settings` are the stage's own options, if it has any; `control`
// is null if there is none. Throws std::runtime_error naming the file if a task vector is missing or belongs to other
// weights.
using TaskVectorExperiment = std::function<Json(std::vector<TaskVectors>& tasks, const TaskData* control)>;
Json task_vector_stage(const std::string& name, const Context& context, const TaskVectorInputs& inputs,
                       const Json& settings, const RunFolder& folder, const TaskVectorExperiment& compute);

}  // namespace experiments
