// Pre-trains the image encoder of a small CLIP on the web images of the tasks: θ0 and the logit scale.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "experiments/common/pretraining.hpp"
#include "experiments/common/program.hpp"

int main(int argc, char** argv) {
  using namespace experiments;
  CommandLine line(
      "Pre-trains the image encoder of a small CLIP contrastively on web images of all tasks.\n"
      "Writes pretrained.safetensors, results.json and manifest.json into --out. Ctrl-C stops; the same command goes "
      "on.");
  CommonOptions options;
  std::vector<std::string> tasks;
  std::string control = "objects";
  add_common_options(line, options, "pretrain", std::array{Part::model, Part::pretraining});
  line.option("--tasks", tasks, "Tasks whose web images are seen (default: the eight built-in ones)");
  line.option("--control", control, "One more task to see, or none");
  return run_program(line, argc, argv, [&] {
    const RunFolder folder(options.out);
    engine::ShardPool pool(thread_count(options));
    const Json results = pretrain({chosen_recipe(options), options.seed.value_or(0), pool},
                                  find_sources(tasks, control, options.data), folder);
    std::printf("final loss %.3f, logit scale %.1f: %s\n", results.at("final_loss").get<double>(),
                results.at("logit_scale").get<double>(), (folder / "pretrained.safetensors").c_str());
  });
}
