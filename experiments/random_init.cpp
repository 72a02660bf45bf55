// Task arithmetic from randomly initialised weights beside the pre-trained ones.     [Ortiz-Jimenez et al. 2023, table 3]
#include "experiments/arithmetic/random_init.hpp"

#include <nlohmann/json.hpp>
#include <optional>

#include "experiments/arithmetic/disentanglement.hpp"
#include "experiments/arithmetic/program.hpp"

int main(int argc, char** argv) {
  using namespace experiments;
  CommandLine line(
      "Fine-tunes every task from the random weights that pre-training began with, in both modes, and compares single "
      "tasks,\n"
      "addition and disentanglement with those of the pre-trained weights. Prints a table; writes results.json, "
      "manifest.json\n"
      "and a folder for each stage into --out; finished stages are skipped. Ctrl-C stops; the same command goes on.");
  TaskVectorOptions options;
  std::optional<std::int64_t> images;
  add_task_vector_options(line, options, "random_init",
                          {Part::finetuning, Part::training_images, Part::validation, Part::testing});
  line.option("--grid-images", images, "Test images of each task for xi (default: the preset's 32, 256 or 512)")
      .at_least_one();
  return run_task_vector_program(
      line, argc, argv, options, [&](const Context& context, const TaskVectorInputs& inputs, const RunFolder& folder) {
        const std::int64_t of_each = images.value_or(disentanglement_grid(options.common.preset).images);
        return random_init_table(random_init(context, inputs, of_each, folder));
      });
}
