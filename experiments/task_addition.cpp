// Adds the task vectors of fine-tuned models and measures the sum on every task.             [Ortiz-Jimenez et al.
// 2023, table 1]
#include <cstdio>
#include <nlohmann/json.hpp>

#include "experiments/arithmetic/addition_stage.hpp"
#include "experiments/common/program.hpp"

int main(int argc, char** argv) {
  using namespace experiments;
  CommandLine line(
      "Adds the task vectors of fine-tuned models, with one alpha chosen on validation images, and measures the sum on "
      "every\n"
      "task: standard, post-hoc linearised and linear. Prints a table; writes results.json and manifest.json into "
      "--out.");
  CommonOptions options;
  RecipeOptions changes;
  std::vector<std::string> tasks;
  std::string control = "objects";
  std::filesystem::path pretrained_file;
  std::filesystem::path finetuned;
  add_common_options(line, options);
  add_recipe_options(line, changes);
  line.option("--tasks", tasks, "Tasks to add (default: the eight built-in ones)");
  line.option("--control", control, "A task to watch that is not added, or none");
  line.option("--pretrained", pretrained_file, "pretrained.safetensors of `pretrain`").required();
  line.option("--finetuned", finetuned,
              "Folder with <mode>/<task>/finetuned.safetensors of `finetune`, mode standard and linear")
      .required();
  return run_program(line, argc, argv, [&] {
    const std::vector<TaskSource> sources = find_sources(tasks, control, options.data);
    const RunFolder folder(options.out);
    engine::ShardPool pool(thread_count(options));
    const Pretrained pretrained = load_pretrained(pretrained_file);
    Recipe recipe = chosen_recipe(options, changes);
    recipe.vit = pretrained.vit.config();
    const Json results = addition_stage({recipe, options.seed, pool}, pretrained, sources, control, finetuned, folder);
    std::printf("%s", addition_table(results).c_str());
  });
}
