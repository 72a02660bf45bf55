#include "experiments/arithmetic/pretraining_length.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>

#include "experiments/arithmetic/scores.hpp"
#include "experiments/arithmetic/task_arithmetic.hpp"
#include "experiments/common/text_table.hpp"

namespace experiments {

std::vector<std::int64_t> default_lengths(std::int64_t steps) {
  const std::set<std::int64_t> lengths{0, steps / 64, steps / 16, steps / 4, steps};
  return {lengths.begin(), lengths.end()};
}

Recipe with_pretrain_steps(Recipe recipe, std::int64_t steps) {
  recipe.pretrain.steps = steps;
  recipe.pretrain.warmup = std::min(recipe.pretrain.warmup, steps / 4);
  return recipe;
}

Json pretraining_length(const Context& context, const std::vector<TaskSource>& sources, const std::string& control,
                        const std::vector<std::int64_t>& lengths, std::int64_t grid_images, const RunFolder& folder) {
  std::vector<TaskSource> tasks;
  Json results{{"tasks", Json::array()}, {"lengths", Json::array()}};
  for (const TaskSource& source : sources) {
    if (source.name == control) continue;
    tasks.push_back(source);
    results["tasks"].push_back(source.name);
  }
  const std::set<std::int64_t> in_order(lengths.begin(), lengths.end());
  if (in_order.empty() || *in_order.begin() < 0)
    throw std::invalid_argument("[pretraining_length] needs lengths of 0 steps or more.");
  const Json fingerprint{{"stage", "pretraining_length"},
                         {"seed", context.seed},
                         {"lengths", in_order},
                         {"content", contents(sources)},
                         {"control", control},
                         {"grid_images", grid_images},
                         {"vit", to_json(context.recipe.vit)},
                         {"pretrain", to_json(context.recipe.pretrain)},
                         {"finetune", to_json(context.recipe.finetune)},
                         {"arithmetic", arithmetic(context.recipe)}};
  const Json manifest = folder.begin("pretraining_length", fingerprint, context.seed, context.pool.threads());
  for (const std::int64_t steps : in_order) {
    const Context of_length{with_pretrain_steps(context.recipe, steps), context.seed, context.pool};
    const RunFolder here(folder / ("steps_" + std::to_string(steps)));
    const RunFolder pretrain_folder(here / "pretrain");
    const std::filesystem::path file = pretrain_folder / "pretrained.safetensors";
    Json row{{"steps", steps}, {"final_loss", nullptr}};
    if (steps == 0) {
      save_pretrained(file, untrained(of_length));
    } else {
      row["final_loss"] = pretrain(of_length, sources, pretrain_folder).at("final_loss");
    }
    const Pretrained pretrained = load_pretrained(file);
    const std::filesystem::path finetuned = here / "finetune";
    finetune_all(of_length, pretrained, tasks, finetuned);
    row.update(task_arithmetic(of_length, {pretrained, tasks, "none", finetuned}, grid_images, here));
    results["lengths"].push_back(std::move(row));
  }
  folder.finish(manifest, results);
  return results;
}

std::string pretraining_length_table(const Json& results) {
  const auto three = [](double value) { return decimals(value, 3); };
  const auto one = [](double value) { return decimals(value, 1); };
  TextTable accuracies({3, 6});
  accuracies.row("", {"", "", "", "single", "task", "", "all tasks", "added", ""});
  accuracies.row("steps",
                 {"zero-shot", "loss", "scale", "standard", "posthoc", "linear", "standard", "posthoc", "linear"});
  TextTable gaps({0, 3});
  gaps.row("", {"gap", "closed", "", "xi", "[0,1]^2", ""});
  gaps.row("steps", {"standard", "posthoc", "linear", "standard", "posthoc", "linear"});
  for (const Json& row : results.at("lengths")) {
    const std::string steps = std::to_string(row.at("steps").get<std::int64_t>());
    const auto of_modes = [&](std::vector<std::string>& cells, const auto& value, const auto& write) {
      for (const char* mode : kModes) cells.push_back(or_dash(value(row.at("modes").at(mode)), write));
    };
    std::vector<std::string> cells{or_dash(row.at("zero_shot"), percent), or_dash(row.at("final_loss"), three),
                                   or_dash(row.at("logit_scale"), one)};
    of_modes(
        cells, [](const Json& mode) { return mode.at("single_task"); }, percent);
    of_modes(
        cells, [](const Json& mode) { return mode.at("absolute"); }, percent);
    accuracies.row(steps, cells);
    cells.clear();
    of_modes(
        cells, [](const Json& mode) { return mode.at("gap_closed"); }, percent);
    of_modes(
        cells, [](const Json& mode) { return mode.at("xi").at("mean_zero_to_one"); }, three);
    gaps.row(steps, cells);
  }
  return "Against the steps of pre-training: test accuracy in percent, means over tasks\n" + accuracies.text() +
         "\nGap closed, (added - zero-shot) / (single - zero-shot), in percent; disentanglement error xi, mean over "
         "pairs and over [0,1]^2\n" +
         gaps.text() + "chance " + percent(results.at("lengths").front().at("chance").get<double>()) +
         ";  loss: of pre-training, its last hundredth;  scale: the learned factor on the logits\n";
}

}  // namespace experiments
