#include "experiments/arithmetic/program.hpp"

#include <cstdio>

namespace experiments {

void add_task_vector_options(CommandLine& line, TaskVectorOptions& options, const std::string& place) {
  add_common_options(line, options.common, place, {Part::evaluation});
  line.option("--tasks", options.tasks, "Tasks (default: the eight built-in ones)");
  add_pretrained_options(line, options.begin);
  add_linearise_option(line, options.begin.cut);
  options.finetuned = default_out("finetune");
  line.option("--finetuned", options.finetuned,
              "Folder with <mode>/<task>/finetuned.safetensors of `finetune`, or model.safetensors or "
              "open_clip_model.safetensors of others (docs/clip.md); mode standard and linear. The seed and the "
              "numbers of images "
              "that `finetune` had are the defaults here");
}

int run_task_vector_program(CommandLine& line, int argc, char** argv, const TaskVectorOptions& options,
                            const TaskVectorStage& stage) {
  return run_program(line, argc, argv, [&] {
    const std::vector<TaskSource> sources = find_sources(options.tasks, options.control, options.common.data);
    const RunFolder folder(options.common.out);
    engine::ShardPool pool(thread_count(options.common));
    const Pretrained pretrained = load(options.begin, pool);
    const TaskVectorInputs inputs{pretrained, sources, options.control, options.finetuned};
    std::optional<FinetuneRecipe> trained;
    std::uint64_t seed = options.common.seed;
    if (const auto training = training_of(options.finetuned, task_names(sources, options.control))) {
      trained = training->recipe;
      if (!options.common.seed_was_given()) seed = training->seed;
    }
    const Recipe recipe = recipe_for(options.common, options.begin, pretrained, trained);
    const std::string table = stage({recipe, seed, pool}, inputs, folder);
    std::printf("%s%s", table.c_str(), about_cut(options.begin.cut).c_str());
  });
}

}  // namespace experiments
