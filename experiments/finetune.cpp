// Fine-tunes a pre-trained image encoder on one task, in weight space or in the tangent space: one task vector.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "experiments/arithmetic/task_vectors.hpp"
#include "experiments/common/finetuning.hpp"
#include "experiments/common/pretrained_options.hpp"

int main(int argc, char** argv) {
  using namespace experiments;
  CommandLine line(
      "Fine-tunes a pre-trained image encoder on one task, its zero-shot head frozen.\n"
      "Writes finetuned.safetensors, results.json and manifest.json into --out. Ctrl-C stops; the same command goes "
      "on.");
  const std::string kPlace = "finetune/MODE/TASK";
  CommonOptions options;
  PretrainedOptions begin;
  std::string task;
  std::string mode;
  add_common_options(line, options, kPlace,
                     std::array{Part::finetuning, Part::training_images, Part::validation, Part::testing});
  line.option("--task", task, "The task to learn").required();
  line.option("--mode", mode, "standard: in weight space; linear: in the tangent space at the pre-trained weights")
      .required()
      .among({"standard", "linear"});
  add_pretrained_options(line, begin);
  add_linearise_option(line, begin.cut);
  return run_program(line, argc, argv, [&] {
    const TaskSource source = find_source(task, options.data);
    if (options.out == default_out(kPlace)) options.out = finetuned_folder(default_out("finetune"), mode, task);
    const RunFolder folder(options.out);
    engine::ShardPool pool(thread_count(options));
    const Pretrained pretrained = load(begin, pool);
    const Recipe recipe = recipe_for(options, begin, pretrained);
    const std::uint64_t seed = seed_for(options, begin);
    const TaskData data = load_task(source, recipe, seed, pool);
    const Json results =
        finetune({recipe, seed, pool}, pretrained, data, mode == "linear" ? Mode::linear : Mode::standard, folder);
    std::printf("final loss %.3f, |tau| %.4g of |theta0| %.4g: %s\n", results.at("final_loss").get<double>(),
                results.at("task_vector_norm").get<double>(), results.at("pretrained_norm").get<double>(),
                (folder / "finetuned.safetensors").c_str());
  });
}
