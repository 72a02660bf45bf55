// Measures whether the eigenfunctions of the tangent kernel keep to the images of one task.  [Ortiz-Jimenez et al. 2023, figure 7]
#include "experiments/arithmetic/ntk_localization.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "experiments/arithmetic/program.hpp"

int main(int argc, char** argv) {
  using namespace experiments;
  CommandLine line(
      "Computes the tangent kernel on images of all tasks, at random, pre-trained and if wished fine-tuned weights, "
      "and "
      "measures\n"
      "how far it and its eigenfunctions keep the tasks apart: kernel cosines, spectrum, localisation, local energy. "
      "Prints a\n"
      "table; writes results.json and manifest.json into --out.");
  TaskVectorOptions options;
  std::vector<std::string> pairs;
  std::vector<std::string> finetuned_on;
  std::string outputs = "embedding";
  std::optional<std::int64_t> images;
  std::optional<std::int64_t> directions;
  std::optional<std::int64_t> count;
  add_task_vector_options(line, options, "ntk_localization", {Part::testing});
  line.option("--control", options.control, "A task whose images are looked at beside the pairs', or none");
  line.option("--pairs", pairs, "Pairs of tasks, as digits:signs,letters:gauges (default: task i with task i + n/2)");
  line.option("--kernel-images", images, "Test images of each task (default: the preset's 8, 64 or 200)")
      .between(std::int64_t{4}, std::int64_t{1} << 14);
  line.option("--outputs", outputs,
              "embedding: random directions among the image features; logits: random classes of all heads")
      .among({"embedding", "logits"});
  line.option("--directions", directions, "How many, whose kernels are averaged (default: the preset's 2, 4 or 8)")
      .at_least_one();
  line.option("--eigenfunctions", count, "How many leading ones are looked at (default: the preset's 4, 10 or 10)")
      .at_least_one();
  line.option("--finetuned-on", finetuned_on, "Tasks; one more kernel at the weights fine-tuned on each (standard)");
  return run_task_vector_program(
      line, argc, argv, options, [&](const Context& context, const TaskVectorInputs& inputs, const RunFolder& folder) {
        LocalizationSettings settings = localization_settings(options.common.preset);
        settings.images = images.value_or(settings.images);
        settings.directions = directions.value_or(settings.directions);
        settings.eigenfunctions = count.value_or(std::min(settings.eigenfunctions, settings.images));
        settings.outputs = outputs == "logits" ? KernelOutputs::logits : KernelOutputs::embedding;
        settings.finetuned_on = finetuned_on;
        return ntk_localization_table(
            ntk_localization(context, inputs, parse_pairs(pairs, without_control(inputs).sources), settings, folder));
      });
}
