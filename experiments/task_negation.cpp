// Subtracts each task vector and measures what is forgotten, on the task and on a control.    [Ortiz-Jimenez et al. 2023,
// table 2]
#include <nlohmann/json.hpp>
#include <optional>

#include "experiments/arithmetic/negation.hpp"
#include "experiments/arithmetic/program.hpp"

int main(int argc, char** argv) {
  using namespace experiments;
  CommandLine line(
      "Subtracts each task's vector from the pre-trained weights and measures that task and a control: standard, "
      "post-hoc\n"
      "linearised and linear. alpha is chosen per task on validation images and must keep the control's accuracy at 95 "
      "% "
      "or more.\n"
      "Prints a table; writes results.json, manifest.json and the reference code's files into --out.");
  TaskVectorOptions options;
  options.control = "objects";
  std::optional<std::int64_t> control_images;
  add_task_vector_options(line, options, "task_negation", {Part::validation, Part::testing});
  line.option("--control", options.control, "The task that must not suffer; not one of --tasks");
  line.option("--control-images", control_images,
              "Validation images of the control (default: twice --validation-images)")
      .at_least_one();
  return run_task_vector_program(line, argc, argv, options,
                                 [&](const Context& context, const TaskVectorInputs& inputs, const RunFolder& folder) {
                                   TaskVectorInputs given = inputs;
                                   given.control_validation_images = control_images;
                                   return negation_table(task_negation(context, given, folder));
                                 });
}
