// Adds the task vectors of fine-tuned models and measures the sum on every task.             [Ortiz-Jimenez et al.
// 2023, table 1]
#include <nlohmann/json.hpp>
#include <optional>

#include "experiments/arithmetic/addition.hpp"
#include "experiments/arithmetic/program.hpp"

int main(int argc, char** argv) {
  using namespace experiments;
  CommandLine line(
      "Adds the task vectors of fine-tuned models, with one alpha chosen on validation images, and measures the sum on "
      "every\n"
      "task: standard, post-hoc linearised and linear; all tasks, and subsets of 2, 4, ... of them. Prints tables; "
      "writes "
      "results.json,\n"
      "manifest.json and the reference code's files into --out.");
  TaskVectorOptions options;
  options.control = "objects";
  double alpha_step = kAlphaStep;
  std::optional<std::int64_t> subsets;
  add_task_vector_options(line, options, "task_addition", {Part::validation, Part::testing});
  line.option("--control", options.control, "A task to watch that is not added, or none");
  line.option("--alpha-step", alpha_step, "alpha is 0, this, ..., 1, of which it must be a fraction")
      .between(1e-4, 1.0);
  line.option("--subsets", subsets, "Subsets of each size below all, at most (default: the preset's 2, 4 or 8)")
      .between(std::int64_t{0}, std::int64_t{1} << 20, "not negative");
  return run_task_vector_program(line, argc, argv, options,
                                 [&](const Context& context, const TaskVectorInputs& inputs, const RunFolder& folder) {
                                   AdditionOptions chosen = addition_options(options.common.preset);
                                   chosen.alpha_step = alpha_step;
                                   chosen.subsets = subsets.value_or(chosen.subsets);
                                   const Json results = task_addition(context, inputs, folder, chosen);
                                   return addition_table(results) + "\n" + addition_details(results);
                                 });
}
