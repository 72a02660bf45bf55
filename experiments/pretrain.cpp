// Pre-trains the image encoder of a small CLIP on the web images of the tasks: θ0 and the logit scale.
#include <cstdio>

#include "experiments/common/pretraining.hpp"
#include "experiments/common/program.hpp"

int main(int argc, char** argv) {
  using namespace experiments;
  CLI::App app(
      "Pre-trains the image encoder of a small CLIP contrastively on web images of all tasks.\n"
      "Writes pretrained.safetensors, results.json and manifest.json into --out. Ctrl-C stops; the same command goes "
      "on.");
  CommonOptions options;
  RecipeOptions changes;
  std::vector<std::string> tasks;
  std::string control = "objects";
  add_common_options(app, options);
  add_recipe_options(app, changes);
  app.add_option("--tasks", tasks, "Tasks whose web images are seen (default: the eight built-in ones)")
      ->delimiter(',');
  app.add_option("--control", control, "One more task to see, or none")->capture_default_str();
  return run_program(app, argc, argv, [&] {
    const RunFolder folder(options.out);
    engine::ShardPool pool(thread_count(options));
    const Json results = pretrain({chosen_recipe(options, changes), options.seed, pool},
                                  find_sources(tasks, control, options.data), folder);
    std::printf("final loss %.3f, logit scale %.1f: %s\n", results.at("final_loss").get<double>(),
                results.at("logit_scale").get<double>(), (folder / "pretrained.safetensors").c_str());
  });
}
