#include "experiments/common/training_state.hpp"

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "experiments/common/progress.hpp"
#include "nn/checkpoint.hpp"

namespace experiments {

using engine::Tensor;

void save_training_state(const std::filesystem::path& file, const Json& fingerprint,
                         const std::vector<TrainedGroup>& groups, const TrainingProgress& progress) {
  nn::NamedTensors tensors;
  tensors.emplace("losses", Tensor::from<double>(progress.losses, {static_cast<std::int64_t>(progress.losses.size())}));
  tensors.emplace("seconds", Tensor::full({}, progress.seconds, engine::DType::f64));
  for (const TrainedGroup& group : groups) {
    nn::put_params(tensors, *group.params, group.name + ".theta.");
    nn::put_optimizer(tensors, *group.optimizer, group.name + ".adamw.");
  }
  nn::write_safetensors(file, tensors, {{"fingerprint", fingerprint.dump()}});
}

TrainingProgress load_training_state(const std::filesystem::path& file, const Json& fingerprint,
                                     const std::vector<TrainedGroup>& groups) {
  if (!std::filesystem::exists(file)) return {};
  const nn::SafetensorsFile saved = nn::read_safetensors(file);
  const auto mark = saved.metadata.find("fingerprint");
  if (mark == saved.metadata.end() || mark->second != fingerprint.dump()) {
    say(file.string() + ": of a run with another seed, recipe or data; starting again");
    return {};
  }
  const auto f64_of = [&](const std::string& name, int rank) {
    const auto found = saved.tensors.find(name);
    if (found == saved.tensors.end() || found->second.dtype() != engine::DType::f64 ||
        found->second.shape().rank() != rank) {
      throw std::runtime_error("[checkpoint] " + file.string() + ": no f64 tensor '" + name + "' of rank " +
                               std::to_string(rank) + "; remove the file to start again.");
    }
    return found->second;
  };
  const Tensor losses = f64_of("losses", 1);
  const double seconds = f64_of("seconds", 0).item();
  for (const TrainedGroup& group : groups) {
    *group.params = nn::get_params(saved.tensors, group.params->shared_layout(), file, group.name + ".theta.");
    nn::get_optimizer(saved.tensors, *group.optimizer, losses.numel(), file, group.name + ".adamw.");
  }
  return {{losses.data<double>(), losses.data<double>() + losses.numel()}, seconds};
}

TrainingProgress run(const TrainingLoop& loop, const std::filesystem::path& checkpoint, const Json& fingerprint,
                     const std::vector<TrainedGroup>& groups, const Stopwatch& stopwatch) {
  TrainingProgress progress = load_training_state(checkpoint, fingerprint, groups);
  if (!progress.losses.empty()) say(loop.label + ": going on after step " + std::to_string(progress.losses.size()));
  const auto seconds = [&, earlier = progress.seconds] { return earlier + stopwatch.seconds(); };
  TrainingLoop saved = loop;
  saved.save = [&](const std::vector<double>& losses) {
    save_training_state(checkpoint, fingerprint, groups, {losses, seconds()});
  };
  run(saved, progress.losses);
  progress.seconds = seconds();
  return progress;
}

}  // namespace experiments
