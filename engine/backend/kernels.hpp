// Every kernel the rules are made of. PRIVATE to engine. Kernels take tensors of any stride unless the comment says
// dense, run on the calling thread alone, and assume that the op above has checked shapes and types. They are written
// for f32 and f64.
#pragma once

#include <cstdint>

#include "engine/parallel/precision.hpp"
#include "engine/tensor/tensor.hpp"

namespace engine::backend {

// ---- products (matmul.cpp) ----

// What happens to a product before it is stored: out = multiply ⊙ (a b + bias + addend [+ out]).
struct Epilogue {
  const Tensor* bias = nullptr;      // [N], added to every row
  bool accumulate = false;           // add what `out` held
  const Tensor* addend = nullptr;    // the shape of out; f32: dense
  const Tensor* multiply = nullptr;  // the shape of out
};
// a [..., M, K], b [..., K, N] -> out [..., M, N]; leading axes equal, or 1. By whom: see matmul.cpp.
void matmul(const Tensor& a, const Tensor& b, MutableTensor out, const Epilogue& epilogue = {},
            Precision chosen = precision());

// ---- elementwise (elementwise.cpp) ----

enum class Binary { add, sub, mul };
Tensor binary(Binary operation, const Tensor& a, const Tensor& b);   // of one shape
Tensor affine(const Tensor& x, double scale, double shift);          // scale·x + shift
void add_into(const Tensor& x, MutableTensor out, bool accumulate);  // out = x [+ out]; out of the same shape

enum class Unary { exp, log, sqrt, reciprocal, tanh, sigmoid, normal_cdf };
Tensor unary(Unary function, const Tensor& x);

enum class Activation { gelu, quick_gelu };
// h = g(z) and d = g'(z) in one pass; d is skipped where null. All dense and of one shape; h or d may be z itself.
void activation(Activation g, const Tensor& z, MutableTensor h, MutableTensor* d);

// ---- reductions and rows (rows.cpp); rows are over the last axis ----

Tensor sum(const Tensor& x, const Axes& axes);  // axes resolved and sorted; they disappear from the shape
Tensor max_last(const Tensor& x);               // [..., C] -> [..., 1]
double dot(const Tensor& a, const Tensor& b);   // Σ a b, accumulated in f64
void softmax(const Tensor& x, double scale, MutableTensor p);  // p = softmax(scale·x); x and p dense
void softmax_in_place(MutableTensor x, double scale);          // dense
// Scores [..., T, T], dense: above the diagonal −10³⁰, whose exp beside any other score is exactly 0. It is finite, so that
// a search for the first infinity passes it by.
void mask_future(MutableTensor scores);
Tensor softmax_jacobian(const Tensor& p, const Tensor& v, double scale);  // D(p) v = scale·p ⊙ (v − ⟨p, v⟩)
void sum_rows(const Tensor& x, MutableTensor out, bool accumulate);  // x [R, C] -> out [C] dense, Σ over rows [+ out]
struct Normalised {
  Tensor value;      // x̂ [..., C]
  Tensor deviation;  // ρ [...]
};
Normalised normalise(const Tensor& x);                            // x̂ = x / ‖x‖, ρ = 1/‖x‖
Tensor normalise_jacobian(const Normalised& x, const Tensor& v);  // ρ (v − x̂ ⟨x̂, v⟩), self-adjoint

// ---- layer normalisation (layer_norm.cpp), one pass over memory each; γ and β [C] ----

struct LayerNormForward {
  Tensor y;        // γ x̂ + β
  Normalised hat;  // x̂ = ρ (x − mean x), ρ = (var x + eps)^-1/2
};
LayerNormForward layer_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, double eps);
// γ N(ẋ) + γ̇ x̂ + β̇, N(v) = ρ (v − mean v − x̂ mean(x̂ v)); null tangents are zero.
Tensor layer_norm_push(const Normalised& hat, const Tensor& gamma, const Tensor* x_dot, const Tensor* gamma_dot,
                       const Tensor* beta_dot);
// A dense tensor to write, or to add to; nothing if null.
struct Target {
  MutableTensor* values = nullptr;
  bool adds = false;
};
// x̄ = N(γ ȳ), γ̄ = Σ x̂ ȳ, β̄ = Σ ȳ.
void layer_norm_pull(const Normalised& hat, const Tensor& gamma, const Tensor& y_bar, Target x_bar, Target gamma_bar,
                     Target beta_bar);

// ---- rows by number (take_rows.cpp); rows i64 [...], assumed to lie in the table ----
Tensor take_rows(const Tensor& table, const Tensor& rows);             // [N, C] -> [..., C]
Tensor put_rows(const Tensor& x, const Tensor& rows, std::int64_t N);  // [..., C] -> [N, C], added up

Tensor concat(std::span<const Tensor> parts, int axis);  // equal extents on all other axes

// Mean over B of −Σ_k t log softmax(z), logits z and targets t [B, K], rows of t summing to 1; `residual` becomes (p −
// t)/B.
Tensor cross_entropy(const Tensor& logits, const Tensor& targets, Tensor* residual);

// ---- eigenpairs (lapack.cpp) ----

// Of the symmetric a [N, N], dense f64, N at most 32 766, of which only the lower triangle (row >= column) is read. `values`
// [N] become ascending; row i of a becomes the unit eigenvector of values[i]. Throws std::runtime_error if there is no convergence.
void symmetric_eig(MutableTensor a, MutableTensor values);

}  // namespace engine::backend
