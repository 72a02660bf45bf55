#include "experiments/arithmetic/addition_stage.hpp"

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>

#include "experiments/common/finetuning.hpp"
#include "experiments/common/progress.hpp"
#include "nn/checkpoint.hpp"

namespace experiments {

std::filesystem::path finetuned_folder(const std::filesystem::path& finetuned, std::string_view mode,
                                       const std::string& task) {
  return finetuned / mode / task;
}

Json addition_stage(const Context& context, const Pretrained& pretrained, const std::vector<TaskSource>& sources,
                    const std::string& control, const std::filesystem::path& finetuned, const RunFolder& folder) {
  const auto vector_of = [&](Mode mode, const std::string& task) {
    return load_task_vector(finetuned_folder(finetuned, to_string(mode), task) / "finetuned.safetensors", pretrained,
                            task, mode);
  };
  std::vector<TaskVectors> tasks;
  std::optional<TaskData> control_data;
  Json fingerprint{{"stage", "task_addition"},
                   {"seed", context.seed},
                   {"pretrained", pretrained.identity()},
                   {"finetune", to_json(context.recipe.finetune)},
                   {"arithmetic", arithmetic(context.recipe)},
                   {"control", control},
                   {"task_vectors", Json::object()}};
  std::vector<std::pair<nn::ParamTree, nn::ParamTree>> vectors;
  for (const TaskSource& source : sources) {
    fingerprint["content"][source.name] = source.content;
    if (source.name == control) continue;
    vectors.emplace_back(vector_of(Mode::standard, source.name), vector_of(Mode::linear, source.name));
    fingerprint["task_vectors"][source.name] = {nn::checksum(vectors.back().first),
                                                nn::checksum(vectors.back().second)};
  }
  if (const auto results = folder.finished(fingerprint); results.has_value()) {
    say("task addition: already done in " + folder.path().string());
    return *results;
  }
  folder.begin("task_addition", fingerprint, context.seed, context.pool.threads());
  auto next = vectors.begin();
  for (const TaskSource& source : sources) {
    TaskData data = load_task(source, context.recipe, context.seed, context.pool);
    if (source.name == control) {
      control_data = std::move(data);
    } else {
      tasks.push_back({std::move(data), std::move(next->first), std::move(next->second)});
      ++next;
    }
  }
  const auto start = std::chrono::steady_clock::now();
  Json results = task_addition(context, pretrained, tasks, control_data.has_value() ? &*control_data : nullptr);
  results["seconds"] = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  folder.finish(results);
  return results;
}

}  // namespace experiments
