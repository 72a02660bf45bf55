#include "experiments/arithmetic/task_arithmetic.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

#include "experiments/arithmetic/addition.hpp"
#include "experiments/arithmetic/disentanglement.hpp"
#include "experiments/arithmetic/negation.hpp"
#include "experiments/arithmetic/scores.hpp"
#include "experiments/common/finetuning.hpp"

namespace experiments {
namespace {

constexpr std::int64_t kGridPoints = 5;
constexpr double kGridRange = 1.0;

}  // namespace

double finetune_all(const Context& context, const Pretrained& pretrained, const std::vector<TaskSource>& sources,
                    const std::filesystem::path& finetuned) {
  double seconds = 0.0;
  for (const TaskSource& source : sources) {
    const TaskData task = load_task(source, context.recipe, context.seed, context.pool);
    for (const Mode mode : {Mode::standard, Mode::linear}) {
      const RunFolder folder(finetuned_folder(finetuned, to_string(mode), source.name));
      seconds += finetune(context, pretrained, task, mode, folder).at("seconds").get<double>();
    }
  }
  return seconds;
}

Json task_arithmetic(const Context& context, const TaskVectorInputs& inputs, std::int64_t grid_images,
                     const RunFolder& folder) {
  const Json addition = task_addition(context, inputs, RunFolder(folder / "task_addition"));
  std::vector<double> chances;
  const std::vector<TaskSource> tasks = without_control(inputs).sources;
  for (const TaskSource& source : tasks) chances.push_back(1.0 / static_cast<double>(source.text.class_names.size()));
  Json results{{"logit_scale", std::exp(inputs.pretrained.logit_scale)},
               {"chance", mean(chances)},
               {"zero_shot", average(addition.at("zero_shot"))}};
  double seconds = addition.at("seconds").get<double>();
  const std::vector<TaskPair> task_pairs = default_pairs(tasks);
  Json maps;
  if (!task_pairs.empty()) {
    maps = disentanglement(context, inputs, task_pairs, {kGridPoints, kGridRange, grid_images},
                           RunFolder(folder / "disentanglement"));
    seconds += maps.at("seconds").get<double>();
  }
  Json negation;
  if (inputs.control != "none") {
    const Json subtracted = task_negation(context, inputs, RunFolder(folder / "task_negation"));
    negation = subtracted.at("negation");
    seconds += subtracted.at("seconds").get<double>();
  }
  for (const std::string mode : kModes) {
    const Json& added = addition.at("addition").at(mode);
    Json& of = results["modes"][mode];
    of = {{"single_task", average(addition.at("single_task").at(mode))},
          {"absolute", added.at("absolute")},
          {"normalised", added.at("normalised")},
          {"gap_closed", added.at("gap_closed")},
          {"alpha", added.at("alpha")},
          {"validation_at_one", added.at("curve").at("absolute").back()}};  // the grid ends at α = 1
    if (addition.contains("control")) of["control"] = addition.at("control").at(mode);
    for (const char* key : {"at_one", "mean_zero_to_one", "mean_search_box"})
      of["xi"][key] = maps.is_null() ? Json(nullptr) : mean_over_pairs(maps, mode, key);
    if (!negation.is_null()) {
      for (const char* key : {"target", "control"}) of["negation"][key] = average(negation.at(mode).at(key));
    }
  }
  results["seconds"] = seconds;
  return results;
}

}  // namespace experiments
