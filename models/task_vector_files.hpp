// Arithmetic on checkpoint files: task vectors τ = θ − θ0 of models that need not fit into memory. Tensors are matched by their
// names of ours, so the two layouts of CLIP mix; where one of the files holds a weight that CLIP does not have, all are matched
// by the names as they stand. Everything passes through buffers of constant size, and sums are taken in f64 in the order of the
// names: same files, same bits. A weight or a sum that is not finite is refused, and an `out` that is one of the files.
#pragma once

#include <filesystem>
#include <functional>
#include <span>
#include <vector>

namespace models {

// Called before each block of a tensor. What it throws ends the work, and `out` is then as it was.
using BetweenBlocks = std::function<void()>;

// θ − θ0 as F32, in the layout of θ. What θ lacks is left out. Throws std::runtime_error, listing the tensors, if θ holds some
// that θ0 does not or that have another shape there, and for files that cannot be read.
void subtract_checkpoints(
    const std::filesystem::path& theta, const std::filesystem::path& theta0, const std::filesystem::path& out,
    const BetweenBlocks& between = [] {});

// θ0 + α Σ τ, in the layout and the element types of θ0, and like it a file of `pretrain` if θ0 is one. What a τ lacks is zero;
// throws if it holds what θ0 does not.
void add_task_vectors(
    const std::filesystem::path& theta0, std::span<const std::filesystem::path> taus, double alpha,
    const std::filesystem::path& out, const BetweenBlocks& between = [] {});

// α τ
void scale_task_vector(
    const std::filesystem::path& tau, double alpha, const std::filesystem::path& out,
    const BetweenBlocks& between = [] {});

// ⟨τ_i, τ_j⟩ for all pairs, over the tensors that both hold: an n × n matrix, row by row. Throws if one that both hold has two
// shapes.
std::vector<double> inner_products(
    std::span<const std::filesystem::path> taus, const BetweenBlocks& between = [] {});

}  // namespace models
