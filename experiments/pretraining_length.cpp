// Task arithmetic against the number of pre-training steps.
#include "experiments/arithmetic/pretraining_length.hpp"

#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>

#include "experiments/arithmetic/disentanglement.hpp"
#include "experiments/common/program.hpp"

int main(int argc, char** argv) {
  using namespace experiments;
  CommandLine line(
      "Pre-trains for several numbers of steps, each a run of its own, fine-tunes every task from each in both modes, "
      "and\n"
      "measures addition and disentanglement. Prints tables; writes results.json, manifest.json and a folder for each "
      "length\n"
      "into --out; finished stages are skipped. Ctrl-C stops; the same command goes on.");
  CommonOptions options;
  std::vector<std::string> tasks;
  std::string control = "objects";
  std::vector<int> lengths;
  std::optional<std::int64_t> images;
  add_common_options(line, options, "pretraining_length");
  line.option("--tasks", tasks, "Tasks to learn and add (default: the eight built-in ones)");
  line.option("--control", control, "One more task to pre-train on, or none");
  line.option("--lengths", lengths,
              "Steps of pre-training, as 0,100,1000 (default: 0, 1/64, 1/16, 1/4 and all of them)")
      .between(0, 1 << 30, "at least 0");
  line.option("--grid-images", images, "Test images of each task for xi (default: the preset's 32, 256 or 512)")
      .at_least_one();
  return run_program(line, argc, argv, [&] {
    const std::vector<TaskSource> sources = find_sources(tasks, control, options.data);
    const RunFolder folder(options.out);
    engine::ShardPool pool(thread_count(options));
    const Context context{chosen_recipe(options), options.seed, pool};
    std::vector<std::int64_t> steps(lengths.begin(), lengths.end());
    if (steps.empty()) steps = default_lengths(context.recipe.pretrain.steps);
    const std::int64_t of_each = images.value_or(disentanglement_grid(options.preset).images);
    const Json results = pretraining_length(context, sources, control, steps, of_each, folder);
    std::printf("%sresults: %s\n", pretraining_length_table(results).c_str(), (folder / "results.json").c_str());
  });
}
