// Maps the disentanglement error of pairs of tasks over a grid of coefficients.               [Ortiz-Jimenez et al. 2023,
// figures 3 and 6]
#include "experiments/arithmetic/disentanglement.hpp"

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "experiments/arithmetic/program.hpp"

int main(int argc, char** argv) {
  using namespace experiments;
  CommandLine line(
      "Maps how far the task vectors of two tasks disturb each other, over a grid of their coefficients: standard, "
      "post-hoc\n"
      "linearised and linear. Prints the maps in characters; writes results.json and manifest.json into --out.");
  TaskVectorOptions options;
  std::vector<std::string> pairs;
  std::optional<std::int64_t> points;
  std::optional<std::int64_t> images;
  std::optional<double> range;
  add_task_vector_options(line, options, "disentanglement", {Part::testing});
  line.option("--pairs", pairs, "Pairs of tasks, as digits:signs,letters:gauges (default: task i with task i + n/2)");
  line.option("--grid-points", points, "Points along each axis (default: the preset's 7, 13 or 25)")
      .between(std::int64_t{2}, std::int64_t{1} << 10);
  line.option("--grid-range", range, "The grid goes from minus this to this (default: 3)")
      .between(1e-6, 1e6, "a positive number");
  line.option("--grid-images", images, "Test images of each task (default: the preset's 32, 128 or 512)")
      .at_least_one();
  return run_task_vector_program(
      line, argc, argv, options, [&](const Context& context, const TaskVectorInputs& inputs, const RunFolder& folder) {
        DisentanglementGrid grid = disentanglement_grid(options.common.preset);
        grid.points = points.value_or(grid.points);
        grid.range = range.value_or(grid.range);
        grid.images = images.value_or(grid.images);
        return disentanglement_table(
            disentanglement(context, inputs, parse_pairs(pairs, inputs.sources), grid, folder));
      });
}
