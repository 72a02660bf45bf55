#include "experiments/common/finetuning.hpp"

#include <cmath>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "datasets/loader.hpp"
#include "experiments/common/progress.hpp"
#include "experiments/common/training_loop.hpp"
#include "experiments/common/training_state.hpp"
#include "models/clip.hpp"
#include "nn/checkpoint.hpp"

namespace experiments {

namespace {

constexpr const char* kFile = "finetuned.safetensors";
constexpr const char* kLinearise = "linearise";

}  // namespace

std::string_view to_string(Mode mode) { return mode == Mode::standard ? "standard" : "linear"; }

nn::ParamSubset trained_parameters(const FinetuneRecipe& recipe, const models::Vit& vit) {
  return {vit.layout(), recipe.train_only};
}

Json finetune(const Context& context, const Pretrained& pretrained, const TaskData& task, Mode mode,
              const RunFolder& folder) {
  const Stopwatch stopwatch;
  const FinetuneRecipe& recipe = context.recipe.finetune;
  const nn::ParamSubset trained = trained_parameters(recipe, pretrained.vit);  // refused before anything is removed
  const std::string label = "finetune " + task.name + " (" + std::string(to_string(mode)) + ")";
  const std::string identity = pretrained.identity();
  Json fingerprint{{"stage", "finetune"},         {"seed", context.seed},
                   {"task", task.name},           {"content", task.content},
                   {"mode", to_string(mode)},     {"pretrained", identity},
                   {"finetune", to_json(recipe)}, {"arithmetic", arithmetic(context.recipe)}};
  if (mode == Mode::linear) note_cut(fingerprint, pretrained.cut);
  note_words(fingerprint, pretrained, task.name, task.text);
  const std::filesystem::path file = folder / kFile;
  if (const auto results = folder.already_done(label, fingerprint, file)) return *results;
  const Json manifest = folder.begin("finetune", fingerprint, context.seed, context.pool.threads(), file);

  const models::ZeroShotHead head = zero_shot_head(pretrained, task.text);
  const nn::Loss loss = [&head](const engine::Var& features, const engine::Tensor& labels) {
    return head.loss(features, labels);
  };
  const nn::TangentModel tangent_model(nn::freeze(pretrained.model(), pretrained.theta0, trained), pretrained.theta0);
  nn::ParamTree theta = pretrained.theta0;
  nn::AdamW optimizer(trained, {.lr = recipe.lr, .weight_decay = recipe.weight_decay});
  const std::int64_t in_step = std::min(recipe.batch, task.train->size());
  const datasets::Loader loader(task.train,
                                {.batch_size = in_step, .seed = context.seed, .random_crop = recipe.random_crop});
  if (in_step < recipe.batch) {
    say(label + ": has " + std::to_string(in_step) + " images, fewer than the " + std::to_string(recipe.batch) +
        " of a step: each takes all");
  }
  const std::int64_t warmup = std::llround(recipe.warmup_share * static_cast<double>(recipe.steps));
  const auto step = [&](std::int64_t index, const datasets::Batch& batch) {
    nn::StepResult result =
        mode == Mode::standard
            ? nn::standard_step(tangent_model.model(), theta, batch.images, batch.labels, loss, context.shards())
            : nn::tangent_step(tangent_model, theta, batch.images, batch.labels, loss, context.shards());
    const nn::Clip clip = nn::clip_norm(result.gradient, 1.0, context.pool);
    optimizer.step(theta, result.gradient, context.pool, nn::cosine_schedule(index, warmup, recipe.steps), clip.factor);
    return result.loss;
  };
  const auto [losses, seconds] = run({.label = label,
                                      .steps = recipe.steps,
                                      .batch = in_step,
                                      .loader = loader,
                                      .threads = context.pool.threads(),
                                      .step = step},
                                     folder / kCheckpoint, fingerprint, {{"visual", &theta, &optimizer}}, stopwatch);

  save_finetuned(file, pretrained, task, mode, theta);
  const Json results{{"task", task.name},
                     {"mode", to_string(mode)},
                     {"final_loss", losses.back()},
                     {"task_vector_norm", nn::norm(theta - pretrained.theta0)},
                     {"pretrained_norm", nn::norm(pretrained.theta0)},
                     {"checksum", nn::checksum(theta)},
                     {"losses", losses},
                     {"seconds", seconds}};
  folder.finish(manifest, results);
  std::filesystem::remove(folder / kCheckpoint);
  return results;
}

void save_finetuned(const std::filesystem::path& file, const Pretrained& pretrained, const TaskData& task, Mode mode,
                    const nn::ParamTree& theta) {
  nn::NamedTensors tensors;
  nn::put_params(tensors, theta, "visual.");
  nn::Metadata metadata{{"format", "pt"},
                        {"task", task.name},
                        {"content", task.content},
                        {"mode", std::string(to_string(mode))},
                        {"pretrained", pretrained.identity()}};
  if (mode == Mode::linear) metadata[kLinearise] = to_string(pretrained.cut);
  if (pretrained.words.identity.empty()) note_model(tensors, metadata, pretrained);  // as load_pretrained() reads it
  nn::write_safetensors(file, tensors, metadata);
}

nn::ParamTree load_task_vector(const std::filesystem::path& file, const Pretrained& pretrained, const std::string& task,
                               Mode mode) {
  const std::string where = "[finetuned] " + file.string() + ": ";
  const nn::SafetensorsFile saved = nn::read_safetensors(file);
  nn::ParamTree theta = nn::get_params(saved.tensors, pretrained.vit.layout(), file, "visual.");
  const auto check = [&](const std::string& key, std::string_view needed, const std::string& complaint) {
    const auto found = saved.metadata.find(key);
    if (found == saved.metadata.end())
      throw std::runtime_error(where + "it names no " + key + "; only `finetune` does.");
    if (found->second != needed) throw std::runtime_error(where + complaint);
  };
  check("pretrained", pretrained.identity(),
        "it was not fine-tuned from these pre-trained weights; its task vector has no meaning here.");
  check("task", task, "it was not fine-tuned on " + task + ".");
  check("mode", to_string(mode), "it was not fine-tuned in mode " + std::string(to_string(mode)) + ".");
  if (mode == Mode::linear) {
    const auto named = saved.metadata.find(kLinearise);  // not in files of earlier days
    const std::string cut(named == saved.metadata.end() ? to_string(Cut::features) : std::string_view(named->second));
    if (cut != to_string(pretrained.cut)) {
      throw std::runtime_error(where + "it was fine-tuned with --linearise " + cut + ", not " +
                               std::string(to_string(pretrained.cut)) + ".");
    }
  }
  return std::move(theta) - pretrained.theta0;
}

bool has_task_vector(const std::filesystem::path& folder) {
  return std::filesystem::exists(folder / kFile) || models::has_checkpoint(folder);
}

nn::ParamTree find_task_vector(const std::filesystem::path& folder, const Pretrained& pretrained,
                               const std::string& task, Mode mode) {
  if (std::filesystem::exists(folder / kFile)) return load_task_vector(folder / kFile, pretrained, task, mode);
  if (!models::has_checkpoint(folder)) {
    throw std::runtime_error("[finetuned] " + folder.string() + ": holds neither " + kFile +
                             ", which `finetune --task " + task + " --mode " + std::string(to_string(mode)) +
                             "` makes, nor model.safetensors, nor open_clip_model.safetensors of others "
                             "(docs/clip.md).");
  }
  return models::read_tuned_image(folder, pretrained.vit, pretrained.theta0) - pretrained.theta0;
}

}  // namespace experiments
