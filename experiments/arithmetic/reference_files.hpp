// Results in the files of the reference code (gortizji/tangent_task_arithmetic, commit 0aa0e18), so that whatever reads
// its files reads ours. Accuracies are in [0, 1]; keys about validation images carry the suffix "Val".
//
//   zeroshot_accuracies.json, ft_accuracies.json, posthoc_ft_accuracies.json, linear_ft_accuracies.json
//       {"Cars": .., "CarsVal": ..}
//   additions.json, posthoc_additions.json, linear_additions.json
//       {"test": {"Cars:top1", "Cars:normalized_top1", .., "avg_normalized_top1", "avg_top1"},
//        "val": {"<alpha>": the same of "CarsVal"}}
//   negations.json, posthoc_negations.json, linear_negations.json
//       {"Cars": {"test", "test_control", "val": {"<alpha>": {"CarsVal:top1", "<control>Val:top1"}}}}
#pragma once

#include <filesystem>

#include "experiments/common/recipe.hpp"

namespace experiments {

// `results` are those of the stage; `folder` is made. Throw std::runtime_error naming the file that cannot be written.
void write_reference_accuracies(const std::filesystem::path& folder, const Json& results);  // of single_task
void write_reference_additions(const std::filesystem::path& folder, const Json& results);   // of task_addition
void write_reference_negations(const std::filesystem::path& folder, const Json& results);   // of task_negation

}  // namespace experiments
