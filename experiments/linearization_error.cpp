// Measures how fast the network leaves its tangent along each task vector, whole and by layer.
#include "experiments/arithmetic/linearization_error.hpp"

#include <nlohmann/json.hpp>
#include <optional>

#include "experiments/arithmetic/program.hpp"

int main(int argc, char** argv) {
  using namespace experiments;
  CommandLine line(
      "Measures the distance between the network and its tangent model along each task vector, over alpha, for the "
      "whole "
      "vector\n"
      "and for its part in each layer. Prints a table; writes results.json and manifest.json into --out.");
  TaskVectorOptions options;
  std::optional<std::int64_t> images;
  add_task_vector_options(line, options, "linearization_error", {Part::testing});
  line.option("--error-images", images, "Test images of each task (default: the preset's 8, 8 or 64)").at_least_one();
  return run_task_vector_program(
      line, argc, argv, options, [&](const Context& context, const TaskVectorInputs& inputs, const RunFolder& folder) {
        const std::int64_t of_each = images.value_or(linearization_error_images(options.common.preset));
        return linearization_error_table(linearization_error(context, inputs, of_each, folder));
      });
}
