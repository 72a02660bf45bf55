#include "experiments/arithmetic/task_vectors.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <stdexcept>

#include "experiments/arithmetic/scores.hpp"
#include "experiments/common/finetuning.hpp"
#include "experiments/common/progress.hpp"
#include "experiments/common/stopwatch.hpp"
#include "nn/checkpoint.hpp"

namespace experiments {
namespace {

constexpr const char* kSeed = "seed";

bool has_linear(const TaskVectorInputs& inputs) {
  const auto has_one = [&](const TaskSource& source) {
    return source.name != inputs.control &&
           has_task_vector(finetuned_folder(inputs.finetuned, to_string(Mode::linear), source.name));
  };
  // Of a model trained here the missing one has only been forgotten.
  const bool needed = inputs.linear == Linear::needed || inputs.pretrained.words.identity.empty();
  return needed || std::ranges::any_of(inputs.sources, has_one);
}

// What the manifest beside a model of `finetune` tells of its seed and recipe; none if there is no such manifest.
std::optional<Json> noted_making(const std::filesystem::path& folder) {
  const std::optional<Json> manifest = noted_manifest(folder);
  if (!manifest || manifest->value("program", Json()) != "finetune") return std::nullopt;
  const std::string where = "[finetuned] " + (folder / "manifest.json").string() + ": is damaged: ";
  try {
    Json making = every_number(finetune_recipe_from_json(manifest->at("fingerprint").at("finetune")));
    const Json& seed = manifest->at("seed");
    if (!seed.is_number_unsigned()) throw std::invalid_argument("its seed is " + seed.dump());
    making[kSeed] = seed;
    return making;
  } catch (const nlohmann::json::exception& error) {
    throw std::runtime_error(where + error.what() + "; fine-tune again.");
  } catch (const std::invalid_argument& error) {
    throw std::runtime_error(where + error.what() + "; fine-tune again.");
  }
}

}  // namespace

TaskVectorInputs without_control(TaskVectorInputs inputs) {
  std::erase_if(inputs.sources, [&](const TaskSource& source) { return source.name == inputs.control; });
  inputs.control = "none";
  return inputs;
}

std::filesystem::path finetuned_folder(const std::filesystem::path& finetuned, std::string_view mode,
                                       const std::string& task) {
  return finetuned / mode / task;
}

Vectors load_vectors(const TaskVectorInputs& inputs, const std::string& task) {
  const auto vector_of = [&](Mode mode) {
    const std::filesystem::path folder = finetuned_folder(inputs.finetuned, to_string(mode), task);
    const std::filesystem::path below = inputs.finetuned / "finetune";  // of a run of `reproduce`
    if (!has_task_vector(folder) && has_task_vector(finetuned_folder(below, to_string(mode), task)))
      throw std::runtime_error("[finetuned] " + folder.string() + ": is not there; say --finetuned " + below.string() +
                               ".");
    return find_task_vector(folder, inputs.pretrained, task, mode);
  };
  Vectors vectors{vector_of(Mode::standard), std::nullopt};
  if (has_linear(inputs)) vectors.linear = vector_of(Mode::linear);
  return vectors;
}

Making making_of(const std::filesystem::path& finetuned, const std::vector<std::string>& tasks) {
  Json agreed;  // seed and recipe as one object
  std::set<std::string> disagreement;
  for (const std::string& task : tasks) {
    for (const Mode mode : {Mode::standard, Mode::linear}) {
      const std::optional<Json> here = noted_making(finetuned_folder(finetuned, to_string(mode), task));
      if (!here) continue;
      if (agreed.is_null()) agreed = *here;
      for (const auto& [key, value] : here->items()) {
        if (agreed.at(key) != value) disagreement.insert(key);
      }
    }
  }
  Making making{std::nullopt, Json::object(), {disagreement.begin(), disagreement.end()}};
  for (const auto& [key, value] : agreed.items()) {
    if (disagreement.contains(key)) continue;
    if (key == kSeed) {
      making.seed = value.get<std::uint64_t>();
    } else {
      making.finetune[key] = value;
    }
  }
  return making;
}

std::vector<nn::ParamTree> directions_of(const TaskVectors& own) {
  std::vector<nn::ParamTree> directions{own.standard};
  if (own.linear) directions.push_back(*own.linear);
  return directions;
}

std::vector<const char*> modes_of(const std::vector<TaskVectors>& tasks) {
  std::vector<const char*> modes(kModes.begin(), kModes.end());
  if (std::ranges::any_of(tasks, [](const TaskVectors& of) { return !of.linear.has_value(); })) modes.pop_back();
  return modes;
}

Json task_vector_stage(const std::string& name, const Context& context, const TaskVectorInputs& inputs,
                       const Json& settings, const RunFolder& folder, const TaskVectorExperiment& compute) {
  const FinetuneRecipe& images = context.recipe.finetune;  // what trained the vectors, only those who did so know
  Json fingerprint{{"stage", name},
                   {"tasks", task_names(inputs.sources, inputs.control)},
                   {"control", inputs.control},
                   {"seed", context.seed},
                   {"pretrained", inputs.pretrained.identity()},
                   {"validation_images", images.validation_images},
                   {"test_images", images.test_images},
                   {"arithmetic", arithmetic(context.recipe)},
                   {"settings", settings},
                   {"task_vectors", Json::object()}};
  std::vector<Vectors> vectors;
  for (const TaskSource& source : inputs.sources) {
    if (source.name == inputs.control) continue;
    vectors.push_back(load_vectors(inputs, source.name));
    Json& checksums = fingerprint["task_vectors"][source.name];
    checksums.push_back(nn::checksum(vectors.back().standard));
    if (vectors.back().linear) checksums.push_back(nn::checksum(*vectors.back().linear));
  }
  note_cut(fingerprint, inputs.pretrained.cut);
  fingerprint["content"] = contents(inputs.sources);
  for (const TaskSource& source : inputs.sources) note_words(fingerprint, inputs.pretrained, source.name, source.text);
  std::string label = name;
  std::ranges::replace(label, '_', ' ');
  if (const auto results = folder.already_done(label, fingerprint)) return *results;
  const Json manifest = folder.begin(name, fingerprint, context.seed, context.pool.threads());
  Recipe evaluation = context.recipe;
  evaluation.finetune.train_images = 1;  // nothing is trained any more
  Recipe of_control = evaluation;
  if (inputs.control_validation_images.has_value())
    of_control.finetune.validation_images = *inputs.control_validation_images;
  std::vector<TaskVectors> tasks;
  std::optional<TaskData> control;
  auto next = vectors.begin();
  for (const TaskSource& source : inputs.sources) {
    const bool is_control = source.name == inputs.control;
    TaskData data = load_task(source, is_control ? of_control : evaluation, context.seed, context.pool);
    if (is_control) {
      control = std::move(data);
    } else {
      tasks.push_back({std::move(data), std::move(next->standard), std::move(next->linear)});
      ++next;
    }
  }
  const Stopwatch stopwatch;
  Json results = compute(tasks, control.has_value() ? &*control : nullptr);
  note_cut(results, inputs.pretrained.cut);
  if (!results.contains("seconds")) results["seconds"] = stopwatch.seconds();
  folder.finish(manifest, results);
  return results;
}

}  // namespace experiments
