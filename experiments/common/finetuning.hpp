// The stage that makes a task vector: fine-tuning of the image encoder on one task, its head frozen, in weight space
// ("standard") or in the tangent space at θ0 ("linear").
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "experiments/common/context.hpp"
#include "experiments/common/pretraining.hpp"
#include "experiments/common/run_folder.hpp"
#include "experiments/common/tasks.hpp"

namespace experiments {

enum class Mode { standard, linear };
std::string_view to_string(Mode mode);

// The parameters of the model that the recipe trains. Throws NameError if it names some that are not there.
nn::ParamSubset trained_parameters(const FinetuneRecipe& recipe, const models::Vit& vit);

// Writes <folder>/finetuned.safetensors and results.json; skipped if both are there from the same recipe, seed and
// weights. Returns the results: final_loss, losses, norms of τ and θ0, seconds.
Json finetune(const Context& context, const Pretrained& pretrained, const TaskData& task, Mode mode,
              const RunFolder& folder);

// Writes θ as a file of `finetune`. Throws as nn::write_safetensors does.
void save_finetuned(const std::filesystem::path& file, const Pretrained& pretrained, const TaskData& task, Mode mode,
                    const nn::ParamTree& theta);

// τ = θ − θ0 of a file that `finetune` wrote. Throws std::runtime_error naming the file if it was fine-tuned from other weights, on
// another task, in another mode or, of linear ones, with another cut.
nn::ParamTree load_task_vector(const std::filesystem::path& file, const Pretrained& pretrained, const std::string& task,
                               Mode mode);

// The same of a folder: of finetuned.safetensors or, without one, of the CLIP checkpoint in it that others fine-tuned
// (models/clip_files.hpp), which nobody can tell the task and the mode of. Throws likewise.
nn::ParamTree find_task_vector(const std::filesystem::path& folder, const Pretrained& pretrained,
                               const std::string& task, Mode mode);
bool has_task_vector(const std::filesystem::path& folder);

}  // namespace experiments
