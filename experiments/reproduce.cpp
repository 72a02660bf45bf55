// The paper's experiments, end to end: pre-train, fine-tune every task in weight space and in tangent space, then
// whatever the catalogue holds. Stages that are already done are skipped. Prints the main table and writes a report.
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "experiments/arithmetic/addition.hpp"
#include "experiments/common/finetuning.hpp"
#include "experiments/common/pretrained_options.hpp"
#include "experiments/common/progress.hpp"
#include "experiments/common/stopwatch.hpp"
#include "experiments/report/catalogue.hpp"
#include "experiments/report/report.hpp"
#include "experiments/report/summary.hpp"

namespace experiments {
namespace {

constexpr const char* kAll = "all";

struct Options {
  CommonOptions common;
  std::vector<std::string> tasks;
  std::string control = "objects";
  Cut cut = Cut::features;
  std::vector<std::string> experiments;  // none: those that run by default

  bool asks_for(const std::string& name) const { return std::ranges::find(experiments, name) != experiments.end(); }
  bool includes(const Experiment& experiment) const {
    return asks_for(experiment.name) || asks_for(kAll) || (experiments.empty() && experiment.by_default);
  }
  bool stops_after_pretraining() const {
    return !experiments.empty() &&
           std::ranges::all_of(experiments, [](const auto& name) { return name == "pretrain"; });
  }
};

std::string why_not(const Experiment& experiment, std::size_t tasks, const Options& options) {
  return experiment.impossible ? experiment.impossible(tasks, options.control) : "";
}

// Before anything is trained for it.
void refuse_what_cannot_be_run(std::size_t tasks, const Options& options) {
  for (const Experiment& experiment : catalogue()) {
    if (!options.asks_for(experiment.name)) continue;
    if (const std::string reason = why_not(experiment, tasks, options); !reason.empty())
      throw std::invalid_argument("[experiments] " + experiment.name + " cannot be run: " + reason + ".");
  }
}

void pick(const Json& from, std::initializer_list<const char*> keys, Json& into) {
  for (const char* key : keys) into[key] = from.at(key);
}

Json run_chain(const Context& context, const std::vector<TaskSource>& sources, const Options& options,
               const RunFolder& folder) {
  const RunFolder pretrain_folder(folder / "pretrain");
  const std::filesystem::path finetuned = folder / "finetune";
  Json results;  // seconds are those of each stage when it was computed, which for a skipped one its results tell
  const Json pretraining = pretrain(context, sources, pretrain_folder);
  results["seconds"]["pretrain"] = pretraining.at("seconds");
  pick(pretraining, {"parameters", "captions", "final_loss", "logit_scale", "losses"}, results["pretrain"]);
  if (options.stops_after_pretraining()) return results;
  Pretrained pretrained = load_pretrained(pretrain_folder / "pretrained.safetensors");
  pretrained.cut = options.cut;

  for (const TaskSource& source : sources) {
    if (source.name == options.control) continue;
    const TaskData task = load_task(source, context.recipe, context.seed, context.pool);
    for (const Mode mode : {Mode::standard, Mode::linear}) {
      const std::string name(to_string(mode));
      const Json tuning =
          finetune(context, pretrained, task, mode, RunFolder(finetuned_folder(finetuned, name, source.name)));
      const std::string stage = "finetune_" + name;
      results["seconds"][stage] = results["seconds"].value(stage, 0.0) + tuning.at("seconds").get<double>();
      pick(tuning, {"final_loss", "task_vector_norm"}, results["finetune"][name][source.name]);
      pick(tuning, {"pretrained_norm"}, results["finetune"]);
    }
  }

  const TaskVectorInputs inputs{pretrained, sources, options.control, finetuned};
  const Chain chain{context, inputs, options.common.preset};
  for (const Experiment& experiment : catalogue()) {
    if (!experiment.run || !options.includes(experiment)) continue;
    if (const std::string reason = why_not(experiment, without_control(inputs).sources.size(), options);
        !reason.empty()) {
      say(experiment.name + ": left out, " + reason);
      continue;
    }
    Json found = experiment.run(chain, RunFolder(folder / experiment.name));
    results["seconds"][experiment.name] = found.at("seconds");
    found.erase("seconds");
    results[experiment.name] = std::move(found);
  }
  return results;
}

// What an earlier run with the same options found and this one was not asked for stays in the results. Notes in the manifest
// which experiments these are.
void keep_earlier(const Json& earlier, Json& results, Json& manifest) {
  Json all;
  for (const std::string& name : experiment_names()) {
    if (results.contains(name)) {
      all[name] = std::move(results[name]);
    } else if (earlier.contains(name)) {
      all[name] = earlier.at(name);
      manifest["kept"].push_back(name);
    }
  }
  std::vector<std::string> stages{"pretrain", "finetune_standard", "finetune_linear"};
  const std::vector<std::string> names = experiment_names();
  stages.insert(stages.end(), names.begin(), names.end());
  const Json& earlier_seconds = earlier.at("seconds");
  Json seconds;  // in one order, whatever this run was asked for
  for (const std::string& stage : stages) {
    const Json& told = results.at("seconds").contains(stage) ? results.at("seconds") : earlier_seconds;
    if (told.contains(stage)) seconds[stage] = told.at(stage);
  }
  Json in_order{{"seconds", std::move(seconds)}};
  in_order.update(all);
  results = std::move(in_order);
}

// The main table and a summary; of chosen experiments, the tables of each.
void print_tables(const Json& results, const Options& options, const Recipe& recipe) {
  for (const Experiment& experiment : catalogue()) {
    if (!results.contains(experiment.name)) continue;
    if (options.asks_for(experiment.name)) {
      std::printf("\n%s\n", experiment.table(results.at(experiment.name)).c_str());
    } else if ((options.experiments.empty() || options.asks_for(kAll)) && experiment.name == "task_addition") {
      std::printf("\n%s\n", addition_table(results.at(experiment.name)).c_str());
    }
  }
  if (!options.experiments.empty() && !options.asks_for(kAll)) return;
  std::printf("%s\n", summary_table(results).c_str());
  const bool is_short = to_json(recipe.pretrain) == to_json(preset("quick").pretrain) && options.tasks.empty();
  if (is_short && results.contains("task_addition")) {
    std::printf(
        "This is short pre-training, after which linear leads most in the sum; after longer it all but ties "
        "(docs/findings.md).\n\n");
  }
}

void reproduce(const Options& options) {
  const std::vector<TaskSource> sources = find_sources(options.tasks, options.control, options.common.data);
  const std::vector<std::string> names = task_names(sources, options.control);
  refuse_what_cannot_be_run(names.size(), options);
  const RunFolder folder(options.common.out);
  engine::ShardPool pool(thread_count(options.common));
  const Context context{chosen_recipe(options.common), options.common.seed.value_or(0), pool};
  trained_parameters(context.recipe.finetune, models::Vit(context.recipe.vit));  // before an hour of pre-training
  Json fingerprint{{"preset", options.common.preset},
                   {"seed", context.seed},
                   {"tasks", names},
                   {"control", options.control},
                   {"content", contents(sources)},
                   {"vit", to_json(context.recipe.vit)},
                   {"pretrain", to_json(context.recipe.pretrain)},
                   {"finetune", to_json(context.recipe.finetune)},
                   {"arithmetic", arithmetic(context.recipe)}};
  note_cut(fingerprint, options.cut);
  Json manifest = folder.begin("reproduce", fingerprint, context.seed, pool.threads());
  const Stopwatch stopwatch;
  Json results = run_chain(context, sources, options, folder);
  if (const std::optional<Json> earlier = folder.finished(fingerprint)) keep_earlier(*earlier, results, manifest);
  folder.finish(manifest, results);
  write_report(folder.path());
  print_tables(results, options, context.recipe);
  for (const auto& [stage, seconds] : results.at("seconds").items())
    std::printf("%-20s %s\n", stage.c_str(), duration(seconds.get<double>()).c_str());
  std::printf("%-20s %s\n", "this run", duration(stopwatch.seconds()).c_str());
  std::printf("results: %s\nreport:  %s\n", (folder / "results.json").c_str(), (folder / "report.html").c_str());
}

}  // namespace
}  // namespace experiments

int main(int argc, char** argv) {
  using namespace experiments;
  CommandLine line(
      "Reproduces \"Task Arithmetic in the Tangent Space\": pre-trains a small CLIP, fine-tunes it on every task in "
      "weight space\n"
      "and in tangent space, and runs the experiments on the task vectors. Prints the main table; writes results.json "
      "and\n"
      "report.html. Each stage has a folder in --out and is skipped if it is done. Ctrl-C stops; the same command goes "
      "on.");
  Options options;
  add_common_options(line, options.common, "", kAllParts);
  line.option("--tasks", options.tasks, "Tasks to learn and add (default: the eight built-in ones)");
  line.option("--control", options.control, "A task to pre-train on and watch, or none");
  add_linearise_option(line, options.cut);
  std::vector<std::string> known = experiment_names();
  known.emplace_back(kAll);
  line.option("--experiments", options.experiments,
              "Which to run, with what they need before them, or all that these tasks allow (default: these, without "
              "random_init, kernel_regression and pretraining_length, which take long); the results of others "
              "that are in --out stay in the report")
      .among(known);
  return run_program(line, argc, argv, [&] { reproduce(options); });
}
