// Measures each fine-tuned model alone, in the network and in its tangent model.             [Ortiz-Jimenez et al. 2023,
// figures 2 and 5]
#include "experiments/arithmetic/single_task.hpp"

#include <nlohmann/json.hpp>

#include "experiments/arithmetic/program.hpp"

int main(int argc, char** argv) {
  using namespace experiments;
  CommandLine line(
      "Measures what fine-tuning on one task gives: zero-shot, standard, post-hoc linearised and linear accuracy, and "
      "the\n"
      "non-linear advantage. Prints a table; writes results.json, manifest.json and the reference code's files into "
      "--out.");
  TaskVectorOptions options;
  add_task_vector_options(line, options, "single_task", {Part::validation, Part::testing});
  return run_task_vector_program(line, argc, argv, options,
                                 [](const Context& context, const TaskVectorInputs& inputs, const RunFolder& folder) {
                                   return single_task_table(single_task(context, inputs, folder));
                                 });
}
