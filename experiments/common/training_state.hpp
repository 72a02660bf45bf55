// The file a training run goes on from: parameters, AdamW's moments and the losses so far, marked with the run's
// fingerprint.
#pragma once

#include <filesystem>
#include <vector>

#include "experiments/common/recipe.hpp"
#include "experiments/common/stopwatch.hpp"
#include "experiments/common/training_loop.hpp"
#include "nn/optim.hpp"
#include "nn/params.hpp"

namespace experiments {

struct TrainedGroup {  // parameters with an optimizer of their own
  std::string name;
  nn::ParamTree* params;
  nn::AdamW* optimizer;
};

struct TrainingProgress {      // over all sessions of a run
  std::vector<double> losses;  // one per step
  double seconds = 0.0;
};

void save_training_state(const std::filesystem::path& file, const Json& fingerprint,
                         const std::vector<TrainedGroup>& groups, const TrainingProgress& progress);

// Restores the groups and returns the progress so far. Where there is no such file, or it belongs to another run,
// nothing is changed and no step is done. Throws if the file is of this run but damaged.
TrainingProgress load_training_state(const std::filesystem::path& file, const Json& fingerprint,
                                     const std::vector<TrainedGroup>& groups);

// The whole of a training run whose last session began with the stopwatch: from the checkpoint, if there is one of this run, to
// the end. Saves into it as the loop asks; loop.save is not used.
TrainingProgress run(const TrainingLoop& loop, const std::filesystem::path& checkpoint, const Json& fingerprint,
                     const std::vector<TrainedGroup>& groups, const Stopwatch& stopwatch);

}  // namespace experiments
