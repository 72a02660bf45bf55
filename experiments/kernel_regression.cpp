// Solves linear fine-tuning to convergence and compares the solution with what AdamW reached.
#include "experiments/arithmetic/kernel_regression.hpp"

#include <nlohmann/json.hpp>
#include <optional>

#include "experiments/arithmetic/program.hpp"

int main(int argc, char** argv) {
  using namespace experiments;
  CommandLine line(
      "Solves linear fine-tuning of each task to convergence by L-BFGS in the tangent space and compares the solution "
      "with\n"
      "AdamW's: accuracy, training loss, length and direction of the task vectors, and their sums. Prints a table; "
      "writes\n"
      "results.json, manifest.json and linear/<task>/finetuned.safetensors into --out. Ctrl-C stops; the same command "
      "goes on.");
  TaskVectorOptions options;
  KernelRegressionOptions settings;
  std::optional<std::int64_t> iterations;
  add_task_vector_options(line, options, "kernel_regression", {Part::training_images, Part::validation, Part::testing});
  line.option("--l2", settings.l2, "lambda of the term lambda/2 |tau|^2 added to the mean training loss")
      .between(0.0, 1e6, "not negative");
  line.option("--tolerance", settings.tolerance, "Converged when the gradient has this share of its first norm")
      .between(0.0, 1.0);
  line.option("--iterations", iterations, "L-BFGS iterations at most (default: the preset's 8, 64 or 256)")
      .at_least_one();
  return run_task_vector_program(
      line, argc, argv, options, [&](const Context& context, const TaskVectorInputs& inputs, const RunFolder& folder) {
        settings.iterations = iterations.value_or(kernel_regression_iterations(options.common.preset));
        return kernel_regression_table(kernel_regression(context, inputs, settings, folder));
      });
}
