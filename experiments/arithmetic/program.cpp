#include "experiments/arithmetic/program.hpp"

#include <cstdio>

namespace experiments {

void add_task_vector_options(CommandLine& line, TaskVectorOptions& options, const std::string& place) {
  add_common_options(line, options.common, place);
  line.option("--tasks", options.tasks, "Tasks (default: the eight built-in ones)");
  add_pretrained_options(line, options.begin);
  add_linearise_option(line, options.begin.cut);
  options.finetuned = default_out("finetune");
  line.option("--finetuned", options.finetuned,
              "Folder with <mode>/<task>/finetuned.safetensors of `finetune`, or model.safetensors or "
              "open_clip_model.safetensors of others (docs/clip.md); mode standard and linear");
}

int run_task_vector_program(CommandLine& line, int argc, char** argv, const TaskVectorOptions& options,
                            const TaskVectorStage& stage) {
  return run_program(line, argc, argv, [&] {
    const std::vector<TaskSource> sources = find_sources(options.tasks, options.control, options.common.data);
    const RunFolder folder(options.common.out);
    engine::ShardPool pool(thread_count(options.common));
    const Pretrained pretrained = load(options.begin, pool);
    const Recipe recipe = recipe_for(options.common, options.begin, pretrained);
    const std::string table =
        stage({recipe, options.common.seed, pool}, {pretrained, sources, options.control, options.finetuned}, folder);
    std::printf("%s", table.c_str());
  });
}

}  // namespace experiments
