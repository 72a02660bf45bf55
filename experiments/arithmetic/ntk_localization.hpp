// Where the eigenfunctions of the network's tangent kernel live: on one task's images or on all.
//                                                                         [Ortiz-Jimenez et al. 2023, section 5 and figure 7]
//   K(x, x') = 1/D Σ_d ⟨J(x)ᵀ w_d, J(x')ᵀ w_d⟩,   J = ∂f(x; θ)/∂θ                                                  (nn/ntk.hpp)
//
// at the weights pre-training begins with and ends with, and if asked for at those fine-tuned on a task. Fine-tuning in the tangent space
// is regression with this kernel: where k(x, x') = 0 between the images of two tasks, learning one leaves the other alone.
// The measures are those of experiments/arithmetic/kernel_measures.hpp.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/arithmetic/disentanglement.hpp"
#include "experiments/arithmetic/task_vectors.hpp"

namespace experiments {

enum class KernelOutputs {
  embedding,  // w_d: random directions of length 1 in the space of image features
  logits      // w_d: classes drawn from the heads of all tasks, each once at most
};

struct LocalizationSettings {
  std::int64_t images;          // of each task and of the control, if there are as many
  std::int64_t directions;      // D
  std::int64_t eigenfunctions;  // R, the leading ones that are looked at
  KernelOutputs outputs = KernelOutputs::embedding;
  std::vector<std::string> finetuned_on = {};  // tasks; one more kernel at θ0 + τ of each, standard
};
// Of a preset; throws std::invalid_argument if there is none of that name.
LocalizationSettings localization_settings(std::string_view preset);

// The stage. Returns tasks (the control last, if there is one), control, images, directions, eigenfunctions, outputs, points (random,
// pretrained, ...), pairs and, for each point: cosine (of each two groups, and its means same, across, control), per pair the spectrum, localisation and
// local energies, their means over pairs (`mean`), and check (Lanczos on products against the kernel matrix). Throws
// std::invalid_argument if there are fewer than two tasks, four images or a task in `finetuned_on` that is none.
Json ntk_localization(const Context& context, const TaskVectorInputs& inputs, const std::vector<TaskPair>& pairs,
                      const LocalizationSettings& settings, const RunFolder& folder);

std::string ntk_localization_table(const Json& results);  // for people

}  // namespace experiments
