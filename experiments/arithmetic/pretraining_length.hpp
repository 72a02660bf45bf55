// Disentanglement and addition against the number of pre-training steps.
//
// Each length is a pre-training of its own, warmed up and annealed to a learning rate of 0 over exactly its steps: a
// checkpoint from inside a longer run would differ in the learning rate it stands at as well. Length 0 is the weights all of
// them begin with. Lengths that grow by a factor of 4 cost a third more than the longest alone.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "experiments/common/pretraining.hpp"
#include "experiments/common/run_folder.hpp"
#include "experiments/common/tasks.hpp"

namespace experiments {

std::vector<std::int64_t> default_lengths(std::int64_t steps);  // 0, steps/64, steps/16, steps/4 and steps, each once

// The recipe with that many steps; warm-up is at most a quarter of them, so the full recipe is unchanged.
Recipe with_pretrain_steps(Recipe recipe, std::int64_t steps);

// The stage. Pre-trains on all `sources`, the control included, and fine-tunes and evaluates the others, each length in
// <folder>/steps_<n>; what is done is skipped. Returns tasks and lengths: steps, final_loss (null for 0) and what
// task_arithmetic() returns.
Json pretraining_length(const Context& context, const std::vector<TaskSource>& sources, const std::string& control,
                        const std::vector<std::int64_t>& lengths, std::int64_t grid_images, const RunFolder& folder);

std::string pretraining_length_table(const Json& results);  // for people

}  // namespace experiments
