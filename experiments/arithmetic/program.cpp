#include "experiments/arithmetic/program.hpp"

#include <cstdio>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "experiments/common/progress.hpp"

namespace experiments {

namespace {

// That a key of FinetuneRecipe's JSON belongs to.
Part part_of(const std::string& key) {
  if (key == "train_images") return Part::training_images;
  if (key == "validation_images") return Part::validation;
  return key == "test_images" ? Part::testing : Part::finetuning;
}

// What is trained here is compared with the task vectors, so it must be trained as they were; on other images both can be tested.
void refuse_other_training(const FinetuneRecipe& recipe, const Json& known, const std::string& of_vectors) {
  const Json here = every_number(recipe);
  for (const auto& [key, value] : known.items()) {
    const bool trains = part_of(key) == Part::finetuning || part_of(key) == Part::training_images;
    if (!trains || here.at(key) == value) continue;
    throw std::invalid_argument("[recipe] " + key + " is " + here.at(key).dump() + " here and was " + value.dump() +
                                " for the task vectors in " + of_vectors +
                                ", with which this is compared; leave it out.");
  }
}

}  // namespace

void add_task_vector_options(CommandLine& line, TaskVectorOptions& options, const std::string& place,
                             std::initializer_list<Part> parts) {
  options.parts = parts;
  add_common_options(line, options.common, place, options.parts);
  line.option("--tasks", options.tasks, "Tasks (default: the eight built-in ones)");
  add_pretrained_options(line, options.begin);
  add_linearise_option(line, options.begin.cut);
  options.finetuned = default_out("finetune");
  line.option("--finetuned", options.finetuned,
              "Folder with <mode>/<task>/finetuned.safetensors of `finetune`, or model.safetensors or "
              "open_clip_model.safetensors of others (docs/clip.md); mode standard and linear. The seed and the "
              "numbers that `finetune` had are the defaults here");
}

int run_task_vector_program(CommandLine& line, int argc, char** argv, const TaskVectorOptions& options,
                            const TaskVectorStage& stage) {
  return run_program(line, argc, argv, [&] {
    const std::vector<TaskSource> sources = find_sources(options.tasks, options.control, options.common.data);
    const RunFolder folder(options.common.out);
    engine::ShardPool pool(thread_count(options.common));
    const Pretrained pretrained = load(options.begin, pool);
    const Making making = making_of(options.finetuned, task_names(sources, options.control));
    const std::string of_vectors = options.finetuned.string();
    for (const std::string& key : making.disagreement) {
      if (key == "seed" || is_among(part_of(key), options.parts))
        say(of_vectors + ": the models were not all fine-tuned with one " + key + "; the default is taken");
    }
    const Recipe recipe = recipe_for(options.common, options.begin, pretrained, making.finetune);
    refuse_other_training(recipe.finetune, making.finetune, of_vectors);
    const std::uint64_t seed = options.common.seed.value_or(making.seed.value_or(0));
    const std::string table =
        stage({recipe, seed, pool}, {pretrained, sources, options.control, options.finetuned}, folder);
    std::printf("%s", table.c_str());
  });
}

}  // namespace experiments
