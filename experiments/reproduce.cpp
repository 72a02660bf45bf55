// The paper's main comparison, end to end: pre-train, fine-tune every task in weight space and in tangent space, add
// the task vectors, print the table. Stages that are already done are skipped.
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "experiments/arithmetic/addition.hpp"
#include "experiments/common/finetuning.hpp"
#include "experiments/common/program.hpp"
#include "experiments/common/progress.hpp"

namespace experiments {
namespace {

class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

Json reproduce(const Context& context, const std::vector<TaskSource>& sources, const std::string& control,
               const RunFolder& folder) {
  const RunFolder pretrain_folder(folder / "pretrain");
  const std::filesystem::path finetuned = folder / "finetune";
  Json seconds;  // of each stage when it was computed, which for a skipped one its results tell

  seconds["pretrain"] = pretrain(context, sources, pretrain_folder).at("seconds");
  const Pretrained pretrained = load_pretrained(pretrain_folder / "pretrained.safetensors");

  for (const TaskSource& source : sources) {
    if (source.name == control) continue;
    const TaskData task = load_task(source, context.recipe, context.seed, context.pool);
    for (const Mode mode : {Mode::standard, Mode::linear}) {
      const std::string stage = "finetune_" + std::string(to_string(mode));
      const Json results = finetune(context, pretrained, task, mode,
                                    RunFolder(finetuned_folder(finetuned, to_string(mode), source.name)));
      seconds[stage] = seconds.value(stage, 0.0) + results.at("seconds").get<double>();
    }
  }

  Json addition =
      task_addition(context, {pretrained, sources, control, finetuned}, RunFolder(folder / "task_addition"));
  seconds["task_addition"] = addition.at("seconds");
  addition.erase("seconds");
  return {{"seconds", std::move(seconds)}, {"task_addition", std::move(addition)}};
}

}  // namespace
}  // namespace experiments

int main(int argc, char** argv) {
  using namespace experiments;
  CommandLine line(
      "Reproduces the main comparison of \"Task Arithmetic in the Tangent Space\": pre-trains a small CLIP, fine-tunes "
      "it on every\n"
      "task in weight space and in tangent space, adds the task vectors and prints the table. Each stage has a folder "
      "in --out and\n"
      "is skipped if it is done. Ctrl-C stops; the same command goes on.");
  CommonOptions options;
  RecipeOptions changes;
  std::vector<std::string> tasks;
  std::string control = "objects";
  add_common_options(line, options);
  add_recipe_options(line, changes);
  line.option("--tasks", tasks, "Tasks to learn and add (default: the eight built-in ones)");
  line.option("--control", control, "A task to pre-train on and watch, or none");
  return run_program(line, argc, argv, [&] {
    const std::vector<TaskSource> sources = find_sources(tasks, control, options.data);
    const RunFolder folder(options.out);
    engine::ShardPool pool(thread_count(options));
    const Context context{chosen_recipe(options, changes), options.seed, pool};
    folder.begin("reproduce", {{"preset", options.preset}}, options.seed, pool.threads());
    const Stopwatch stopwatch;
    const Json results = reproduce(context, sources, control, folder);
    folder.finish(results);
    std::printf("\n%s\n", addition_table(results.at("task_addition")).c_str());
    for (const auto& [stage, seconds] : results.at("seconds").items()) {
      std::printf("%-18s %s\n", stage.c_str(), duration(seconds.get<double>()).c_str());
    }
    std::printf("%-18s %s\n", "this run", duration(stopwatch.seconds()).c_str());
    std::printf("results: %s\n", (folder / "results.json").c_str());
  });
}
