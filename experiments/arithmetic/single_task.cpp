#include "experiments/arithmetic/single_task.hpp"

#include <nlohmann/json.hpp>

#include "experiments/arithmetic/features.hpp"
#include "experiments/arithmetic/reference_files.hpp"
#include "experiments/arithmetic/scores.hpp"
#include "experiments/common/interrupt.hpp"
#include "experiments/common/progress.hpp"
#include "experiments/common/text_table.hpp"

namespace experiments {
namespace {

// Of these modes, those compared with the network.
std::vector<const char*> linearised(const std::vector<const char*>& modes) { return {modes.begin() + 1, modes.end()}; }

// Accuracy of each of the four models on some of the task's images.
Json accuracies(const nn::TangentModel& model, const models::ZeroShotHead& head, const TaskVectors& own,
                const datasets::Dataset& images, const nn::Shards& shards) {
  const std::vector<nn::ParamTree> directions = directions_of(own);
  const TangentFeatures tangent = tangent_features(model, images, directions, shards);
  const Features standard = features(model.model(), model.theta0() + own.standard, images, shards);
  Json found{{"zero_shot", accuracy(head, {tangent.primal, tangent.labels})},
             {"standard", accuracy(head, standard)},
             {"posthoc", accuracy(head, tangent.at(1.0, 0))}};
  if (own.linear) found["linear"] = accuracy(head, tangent.at(1.0, 1));
  return found;
}

Json measure(const Context& context, const Pretrained& pretrained, const std::vector<TaskVectors>& tasks) {
  const nn::TangentModel model(pretrained.model(), pretrained.theta0);
  Progress progress("single task", static_cast<std::int64_t>(tasks.size()), 0, 1, "tasks");
  const std::vector<const char*> modes = modes_of(tasks);
  Json results;
  std::int64_t done = 0;
  for (const TaskVectors& own : tasks) {
    stop_stage_if_asked("evaluating");
    const std::string& task = own.task.name;
    const models::ZeroShotHead head = zero_shot_head(pretrained, own.task.text);
    const Json test = accuracies(model, head, own, *own.task.test, context.shards());
    const Json validation = accuracies(model, head, own, *own.task.validation, context.shards());
    results["tasks"].push_back(task);
    results["classes"][task] = head.classes();
    results["test_images"][task] = own.task.test->size();
    results["zero_shot"][task] = test.at("zero_shot");
    results["zero_shot_validation"][task] = validation.at("zero_shot");
    for (const char* mode : modes) {
      results["single_task"][mode][task] = test.at(mode);
      results["single_task_validation"][mode][task] = validation.at(mode);
    }
    for (const char* mode : linearised(modes)) {
      results["nonlinear_advantage"][mode][task] =
          nonlinear_advantage(test.at("standard").get<double>(), test.at(mode).get<double>(), head.classes());
    }
    Json point{{"task", task}};
    point.update(test);
    results["points"].push_back(point);
    progress.update(++done);
  }
  return results;
}

}  // namespace

double nonlinear_advantage(double standard, double linearised, std::int64_t classes) {
  return (standard - linearised) / (1.0 - 1.0 / static_cast<double>(classes));
}

Json single_task(const Context& context, const TaskVectorInputs& inputs, const RunFolder& folder) {
  TaskVectorInputs given = without_control(inputs);
  given.linear = Linear::if_there;
  return task_vector_stage("single_task", context, given, Json::object(), folder,
                           [&](const std::vector<TaskVectors>& tasks, const TaskData*) {
                             Json results = measure(context, inputs.pretrained, tasks);
                             write_reference_accuracies(folder / "reference", results);
                             return results;
                           });
}

std::string single_task_table(const Json& results) {
  const std::vector<const char*> modes = modes_in(results.at("single_task"));
  const std::vector<const char*> compared = linearised(modes);
  TextTable table({1, 1 + modes.size()});
  std::vector<std::string> above{"", "fine-", "tuned"};
  above.resize(1 + modes.size());
  above.insert(above.end(), {"advantage", "over"});
  above.resize(1 + modes.size() + compared.size());
  table.row("", above);
  std::vector<std::string> heading{"zero-shot"};
  heading.insert(heading.end(), modes.begin(), modes.end());
  heading.insert(heading.end(), compared.begin(), compared.end());
  table.row("task", heading);
  const auto row = [&](const std::string& name, const auto& of) {
    std::vector<std::string> cells{percent(of(results.at("zero_shot")))};
    for (const char* mode : modes) cells.push_back(percent(of(results.at("single_task").at(mode))));
    for (const char* mode : compared) cells.push_back(percent(of(results.at("nonlinear_advantage").at(mode))));
    table.row(name, cells);
  };
  for (const Json& name : results.at("tasks")) {
    const std::string task = name.get<std::string>();
    row(task, [&](const Json& map) { return map.at(task).get<double>(); });
  }
  row("average", [](const Json& map) { return average(map); });
  return "Single-task test accuracy in percent\n" + table.text() +
         "advantage: (standard - other) / (1 - 1/classes), in percent; 0 if fine-tuning stays in the linear regime\n" +
         without_mode(results.at("single_task")) + about_cut(results);
}

}  // namespace experiments
