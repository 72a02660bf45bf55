// Task arithmetic against one number of the recipe, from several seeds: where an effect appears, where it vanishes, and how
// much of it is chance.
//
// Each value and seed is a run of its own. Two modes of one run share θ0, images and heads, so what is compared is their
// difference within a run, and its spread over seeds; the modes' own spreads are larger, being those of θ0 too.
//
// Against "pretrain-steps": every length is warmed up and annealed to a learning rate of 0 over exactly its steps, since a
// checkpoint from inside a longer run would differ in the learning rate it stands at as well. Length 0 is the weights all
// of them begin with.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "experiments/common/pretraining.hpp"
#include "experiments/common/run_folder.hpp"
#include "experiments/common/tasks.hpp"

namespace experiments {

inline constexpr const char* kPretrainSteps = "pretrain-steps";

struct SweepSettings {
  std::string vary = kPretrainSteps;  // a recipe_number()
  std::vector<double> values;
  std::vector<std::uint64_t> seeds;
  std::int64_t grid_images = 1;  // test images of each task for ξ
  Cut cut = Cut::features;
  // Of a run of `reproduce` with this recipe and seed, if there is one: the run here that is the same begins with what it has
  // pre-trained and fine-tuned.
  std::filesystem::path same_run = {};
};

std::vector<double> default_lengths(std::int64_t steps);  // 0, steps/64, steps/16, steps/4 and steps, each once

// The stage. Pre-trains on all `sources`, the control included, and fine-tunes and evaluates the others. Each run lies in
// <folder>/<vary>_<value>/seed_<seed>; a pre-training that does not depend on the value in <folder>/seed_<seed>. What is
// done is skipped. Returns vary, values, seeds, tasks, control, the runs (value, seed, final_loss of pre-training or null,
// head_overlap, and what task_arithmetic() returns), and a summary of each value: mean and deviation over the seeds that have
// them of the same numbers, and of linear_minus_standard within a run. Throws std::invalid_argument, before anything is
// computed, if there is no value or seed, one is there twice, or a value with which there is no such model.
Json sweep(const Context& context, const std::vector<TaskSource>& sources, const std::string& control,
           const SweepSettings& settings, const RunFolder& folder);

std::string sweep_table(const Json& results);  // for people

}  // namespace experiments
