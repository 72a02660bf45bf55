// Adds the task vectors of fine-tuned models and measures the sum on every task.             [Ortiz-Jimenez et al.
// 2023, table 1]
#include <nlohmann/json.hpp>

#include "experiments/arithmetic/addition.hpp"
#include "experiments/arithmetic/program.hpp"

int main(int argc, char** argv) {
  using namespace experiments;
  CommandLine line(
      "Adds the task vectors of fine-tuned models, with one alpha chosen on validation images, and measures the sum on "
      "every\n"
      "task: standard, post-hoc linearised and linear. Prints a table; writes results.json and manifest.json into "
      "--out.");
  TaskVectorOptions options;
  options.control = "objects";
  add_task_vector_options(line, options);
  line.option("--control", options.control, "A task to watch that is not added, or none");
  return run_task_vector_program(line, argc, argv, options,
                                 [](const Context& context, const TaskVectorInputs& inputs, const RunFolder& folder) {
                                   return addition_table(task_addition(context, inputs, folder));
                                 });
}
