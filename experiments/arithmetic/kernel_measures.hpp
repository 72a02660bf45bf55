// What a kernel matrix says about where its eigenfunctions live.           [Ortiz-Jimenez et al. 2023, section 5 and figure 7]
//
//   ∫ k(x, x') φ_ρ(x') dμ(x') = λ_ρ φ_ρ(x)           on n points: K v_ρ = n λ_ρ v_ρ,   φ_ρ(x_i) = √n v_ρi,   mean of φ_ρ² is 1
//   φ_ρ(x) = 1/(n λ_ρ) Σ_i k(x, x_i) φ_ρ(x_i)         at other points                                            [Nyström 1930]
//   E_loc(x) = Σ_ρ a_ρ φ_ρ(x)²                        the local energy at x of some eigenfunctions
//
// Matrices are f64; groups of points are ranges of rows.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/parallel/shards.hpp"
#include "engine/tensor/tensor.hpp"

namespace experiments {

struct Eigenfunctions {        // of a kernel on n points, the largest λ first
  std::vector<double> values;  // λ_ρ
  engine::Tensor functions;    // φ_ρ(x_i) [n, R]
};

engine::Tensor part_of_kernel(const engine::Tensor& kernel, std::span<const engine::Range> rows,
                              std::span<const engine::Range> columns);
engine::Tensor centred(const engine::Tensor& kernel);  // of the functions without their mean over the points

// The first `most`, or all there are.
Eigenfunctions eigenfunctions(const engine::Tensor& kernel, std::int64_t most);

// The eigenfunctions at m other points, [m, R]; kernel [m, n] between those and the n they are known at. 0 where λ is not positive.
engine::Tensor extended(const Eigenfunctions& known, const engine::Tensor& kernel);

// Mean of k(x, x') / √(k(x, x) k(x', x')) over x in a and x' in b, x' another point than x.
double kernel_cosine(const engine::Tensor& kernel, engine::Range a, engine::Range b);

// (Σ λ)² / Σ λ²: how many eigenvalues count; n if they are equal, 1 if one is everything.
double participation(std::span<const double> values);

// c_ρ² = Σ_k ⟨y_k, φ_ρ⟩² of the task whose points have these labels: y_k(x) is 1{x of class k} less its mean over the task's
// points, and 0 on all others. ⟨., .⟩ is the mean over all n points. labels: one for each point of `task`.
std::vector<double> squared_coefficients(const Eigenfunctions& of, engine::Range task,
                                         std::span<const std::int64_t> labels);

// Mean over the points `of` (rows of φ) of Σ_ρ a_ρ φ_ρ(x)², the a_ρ scaled to a sum of 1.
double local_energy(const engine::Tensor& functions, engine::Range of, std::span<const double> weights);

// For each eigenfunction, the larger of the parts of its energy on the first `first` points and on the rest: 1 if it lives on
// one of them alone, and what both have of the points if it knows no difference.
std::vector<double> localisation(const Eigenfunctions& of, std::int64_t first);

}  // namespace experiments
