// Linear fine-tuning solved to convergence: the minimum of the tangent model's training loss over τ by L-BFGS, beside the τ
// that AdamW reaches in its few steps.
//
//   F(τ) = (1/N) Σ_n cross entropy(z_n, y_n) + λ/2 ‖τ‖²,   z_n = f(x_n; θ0) + J(x_n; θ0) τ
//
// is regression with the kernel J Jᵀ, the neural tangent kernel at θ0.                  [Jacot et al. 2018, section 4]
// Where the linearisation is cut (common/pretraining.hpp) decides about F: with Cut::features the head normalises z, so it is
// smooth but not convex; with Cut::logits it is convex, strictly for λ > 0.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "experiments/arithmetic/task_vectors.hpp"

namespace experiments {

struct KernelRegressionOptions {
  double l2 = 0.0;                // λ
  double tolerance = 1e-3;        // converged when ‖∇F(τ)‖ <= tolerance · ‖∇F(0)‖
  std::int64_t iterations = 100;  // at most
};
std::int64_t kernel_regression_iterations(std::string_view preset);

// The stage. For each task a folder <folder>/linear/<task> with finetuned.safetensors, as `finetune` leaves it, and its own
// results.json, skipped when done; Ctrl-C leaves a checkpoint there. Returns tasks, per task what solve_task returns, and the
// addition of all task vectors, each alone and together at the α that is best on validation, for adamw and solved.
Json kernel_regression(const Context& context, const TaskVectorInputs& inputs, const KernelRegressionOptions& options,
                       const RunFolder& folder);

// One task, of which fine-tuning by AdamW gave `adam`. Returns the test accuracies zero_shot, standard, adamw, solved and early
// (of the point of `curve` that is best on validation images), train_loss and norm of adamw and solved, the cosine of their τ,
// iterations, ended and curve: iteration, objective, train_loss, gradient_norm, task_vector_norm, validation and test accuracy at
// 0, 1, 2, 4, ...
Json solve_task(const Context& context, const Pretrained& pretrained, const TaskData& task, const Vectors& adam,
                const KernelRegressionOptions& options, const RunFolder& folder);

std::string kernel_regression_table(const Json& results);  // for people

}  // namespace experiments
