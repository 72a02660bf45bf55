#include "experiments/arithmetic/random_init.hpp"

#include <array>
#include <nlohmann/json.hpp>

#include "experiments/arithmetic/scores.hpp"
#include "experiments/arithmetic/task_arithmetic.hpp"
#include "experiments/common/finetuning.hpp"
#include "experiments/common/progress.hpp"
#include "experiments/common/text_table.hpp"

namespace experiments {
namespace {

constexpr std::array<const char*, 2> kStarts{"random", "pretrained"};

}  // namespace

Json random_init(const Context& context, const TaskVectorInputs& inputs, std::int64_t grid_images,
                 const RunFolder& folder) {
  const Pretrained& pretrained = inputs.pretrained;
  const TaskVectorInputs of_pretrained = without_control(inputs);
  const std::vector<TaskSource>& tasks = of_pretrained.sources;
  const auto compute = [&](std::vector<TaskVectors>& vectors, const TaskData*) {
    vectors.clear();  // the stages below read them again, each in its time
    Pretrained random = pretrained;
    random.theta0 = nn::initial_params(pretrained.vit.layout(), context.seed);
    // A file of `pretrain` is about heads from word vectors; other words are not in it.
    if (random.words.identity.empty()) save_pretrained(folder / "random.safetensors", random);
    const std::filesystem::path finetuned = folder / "finetune";
    say("random_init: every task once more, from the weights that pre-training began with");
    double seconds = finetune_all(context, random, tasks, finetuned);
    Json results{{"tasks", task_names(tasks, "none")}};
    const TaskVectorInputs of_random{random, tasks, "none", finetuned};
    results["random"] = task_arithmetic(context, of_random, grid_images, RunFolder(folder / "random"));
    results["pretrained"] = task_arithmetic(context, of_pretrained, grid_images, RunFolder(folder / "pretrained"));
    for (const char* start : kStarts) {
      seconds += results[start].at("seconds").get<double>();
      results[start].erase("seconds");
    }
    results["seconds"] = seconds;  // of finished stages as well
    return results;
  };
  trained_parameters(context.recipe.finetune, pretrained.vit);  // refused before anything is removed
  const Json settings{{"grid_images", grid_images}, {"finetune", to_json(context.recipe.finetune)}};
  return task_vector_stage("random_init", context, of_pretrained, settings, folder, compute);
}

std::string random_init_table(const Json& results) {
  TextTable table({0, 3});
  table.row("", {"random", "", "", "pre-", "trained", ""});
  table.row("", {"standard", "posthoc", "linear", "standard", "posthoc", "linear"});
  const auto row = [&](const std::string& name, const auto& value, const auto& write) {
    std::vector<std::string> cells;
    for (const char* start : kStarts) {
      for (const char* mode : kModes) cells.push_back(or_dash(value(results.at(start).at("modes").at(mode)), write));
    }
    table.row(name, cells);
  };
  for (const auto& [name, key] : {std::pair("single task", "single_task"), std::pair("all added", "absolute"),
                                  std::pair("normalised", "normalised"), std::pair("gap closed", "gap_closed")})
    row(
        name, [key = key](const Json& mode) { return mode.at(key); }, percent);
  row(
      "alpha", [](const Json& mode) { return mode.at("alpha"); }, [](double alpha) { return decimals(alpha, 2); });
  for (const auto& [name, key] : {std::pair("xi(1,1)", "at_one"), std::pair("xi [0,1]^2", "mean_zero_to_one"),
                                  std::pair("xi [-1,1]^2", "mean_search_box")}) {
    row(
        name, [key = key](const Json& mode) { return mode.at("xi").at(key); }, three_decimals);
  }
  const auto zero_shot = [&](const char* start) {
    return percent(results.at(start).at("zero_shot").template get<double>());
  };
  return "Means over tasks, test accuracy in percent\n" + table.text() + "zero-shot: random " + zero_shot("random") +
         ", pre-trained " + zero_shot("pretrained") + ";  chance " +
         percent(results.at("random").at("chance").get<double>()) +
         "\nxi: disentanglement error, sum over both tasks (0 to 2), mean over pairs\n" + about_cut(results);
}

}  // namespace experiments
