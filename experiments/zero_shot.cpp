// Classifies a task's images with a head made of its prompts, nothing trained: what a CLIP checkpoint knows of the task.
#include "experiments/arithmetic/zero_shot.hpp"

#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>

#include "experiments/common/pretrained_options.hpp"

int main(int argc, char** argv) {
  using namespace experiments;
  CommandLine line(
      "Measures the zero-shot accuracy of a CLIP checkpoint on a task: its prompts make the head, nothing is trained.\n"
      "Prints the accuracy, that of each class and what is confused; writes results.json and manifest.json into "
      "--out.");
  const std::string kPlace = "zero_shot/TASK";
  CommonOptions options;
  PretrainedOptions begin;
  ZeroShotSettings settings;
  std::string task;
  std::string split = "test";
  std::optional<std::int64_t> images;
  add_run_options(line, options, kPlace);
  line.option("--task", task, "The task: a set below --data, or a built-in one").required();
  line.option("--split", split, "Which of its images").among({"train", "validation", "test"});
  line.option("--images", images, "At most so many (default: all of a set, 1000 of a built-in task)").at_least_one();
  line.flag("--logits", settings.logits, "Write logits.safetensors as well: logits [N, K] and labels [N]");
  add_pretrained_options(line, begin);
  add_shard_size_option(line, options);
  return run_program(line, argc, argv, [&] {
    const TaskSource source = find_source(task, options.data);
    if (options.out == default_out(kPlace)) options.out = default_out("zero_shot") / task;
    const RunFolder folder(options.out);
    engine::ShardPool pool(thread_count(options));
    const Pretrained pretrained = load(begin, pool);
    const Recipe recipe = recipe_for(options, begin, pretrained);
    settings.split = split == "train"        ? datasets::Split::train
                     : split == "validation" ? datasets::Split::validation
                                             : datasets::Split::test;
    if (!source.real) settings.images = recipe.finetune.test_images;
    settings.images = images.value_or(settings.images);
    const Json results = zero_shot({recipe, seed_for(options, begin), pool}, pretrained, source, settings, folder);
    std::printf("%s", zero_shot_table(results).c_str());
  });
}
