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

// Mean over pairs of a number in the summaries of their maps.
double mean_over_pairs(const Json& pairs, const std::string& mode, const char* key) {
  std::vector<double> values;
  for (const Json& pair : pairs) values.push_back(pair.at("modes").at(mode).at("summary").at(key).get<double>());
  return mean(values);
}

}  // namespace

void finetune_all(const Context& context, const Pretrained& pretrained, const std::vector<TaskSource>& sources,
                  const std::filesystem::path& finetuned) {
  for (const TaskSource& source : sources) {
    const TaskData task = load_task(source, context.recipe, context.seed, context.pool);
    for (const Mode mode : {Mode::standard, Mode::linear})
      finetune(context, pretrained, task, mode, RunFolder(finetuned_folder(finetuned, to_string(mode), source.name)));
  }
}

Json task_arithmetic(const Context& context, const TaskVectorInputs& inputs, std::int64_t grid_images,
                     const RunFolder& folder) {
  const Json addition = task_addition(context, inputs, RunFolder(folder / "task_addition"));
  std::vector<double> chances;
  const std::vector<TaskSource> tasks = without_control(inputs);
  for (const TaskSource& source : tasks) chances.push_back(1.0 / static_cast<double>(source.text.class_names.size()));
  Json results{{"logit_scale", std::exp(inputs.pretrained.logit_scale)},
               {"chance", mean(chances)},
               {"zero_shot", average(addition.at("zero_shot"))}};
  const std::vector<TaskPair> task_pairs = default_pairs(tasks);
  Json pairs = Json::array();
  if (!task_pairs.empty()) {
    pairs = disentanglement(context, inputs, task_pairs, {kGridPoints, kGridRange, grid_images},
                            RunFolder(folder / "disentanglement"))
                .at("pairs");
  }
  Json negation;
  if (inputs.control != "none")
    negation = task_negation(context, inputs, RunFolder(folder / "task_negation")).at("negation");
  for (const std::string mode : kModes) {
    const Json& added = addition.at("addition").at(mode);
    Json& of = results["modes"][mode];
    of = {{"single_task", average(addition.at("single_task").at(mode))},
          {"absolute", added.at("absolute")},
          {"normalised", added.at("normalised")},
          {"gap_closed", added.at("gap_closed")},
          {"alpha", added.at("alpha")}};
    for (const char* key : {"at_one", "mean_zero_to_one", "mean_search_box"})
      of["xi"][key] = pairs.empty() ? Json(nullptr) : Json(mean_over_pairs(pairs, mode, key));
    if (!negation.is_null()) {
      for (const char* key : {"target", "control"}) of["negation"][key] = average(negation.at(mode).at(key));
    }
  }
  return results;
}

}  // namespace experiments
