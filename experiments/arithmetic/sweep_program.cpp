#include "experiments/arithmetic/sweep_program.hpp"

#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <vector>

#include "experiments/arithmetic/disentanglement.hpp"
#include "experiments/common/machine.hpp"
#include "experiments/common/pretrained_options.hpp"
#include "experiments/common/recipe_numbers.hpp"

namespace experiments {
namespace {

// What is listed for every run is not said once more for all of them.
void refuse_both(const CommandLine& line, const std::string& list, const std::string& single) {
  if (line.is_given(list) && line.is_given(single))
    throw std::invalid_argument("[options] " + single + " does nothing beside " + list +
                                "; leave one of them out (of --config, too).");
}

}  // namespace

int run_sweep_program(int argc, char** argv, const std::string& description, const std::string& place, Swept swept) {
  CommandLine line(description);
  CommonOptions options;
  SweepSettings settings;
  std::vector<std::string> tasks;
  std::string control = "objects";
  std::vector<int> lengths;
  std::optional<std::int64_t> images;
  add_common_options(line, options, place, kAllParts);
  if (swept == Swept::by_name) {
    std::vector<std::string> names;
    for (const RecipeNumber& number : recipe_numbers()) names.emplace_back(number.name);
    line.option("--vary", settings.vary, "Which number of the recipe, by the name of its option below").among(names);
    line.option("--values", settings.values, "Its values, as 20,80,320; pretrain-steps may be 0").required();
  } else {
    line.option("--lengths", lengths,
                "Steps of pre-training, as 0,100,1000 (default: 0, 1/64, 1/16, 1/4 and all of them)")
        .between(0, 1 << 30, "at least 0");
  }
  line.option("--seeds", settings.seeds, "A run of its own for each, as 0,1,2 (default: that of --seed)");
  line.option("--tasks", tasks, "Tasks to learn and add (default: the eight built-in ones)");
  line.option("--control", control, "One more task to pre-train on, kept while others are negated, or none");
  add_linearise_option(line, settings.cut);
  line.option("--grid-images", images, "Test images of each task for xi (default: the preset's 32, 256 or 512)")
      .at_least_one();
  return run_program(line, argc, argv, [&] {
    refuse_both(line, "--seeds", "--seed");
    refuse_both(line, swept == Swept::by_name ? "--values" : "--lengths", "--" + settings.vary);
    const std::vector<TaskSource> sources = find_sources(tasks, control, options.data);
    const RunFolder folder(options.out);
    engine::ShardPool pool(thread_count(options));
    const Context context{chosen_recipe(options), options.seed.value_or(0), pool};
    if (settings.seeds.empty()) settings.seeds = {context.seed};
    if (swept == Swept::pretraining_steps) {
      settings.values.assign(lengths.begin(), lengths.end());
      if (lengths.empty()) settings.values = default_lengths(context.recipe.pretrain.steps);
    }
    settings.grid_images = images.value_or(disentanglement_grid(options.preset).images);
    const Json results = sweep(context, sources, control, settings, folder);
    std::printf("%sresults: %s\nfigures: `figures %s` draws them\n", sweep_table(results).c_str(),
                (folder / "results.json").c_str(), quoted_for_shell(folder.path().string()).c_str());
  });
}

}  // namespace experiments
