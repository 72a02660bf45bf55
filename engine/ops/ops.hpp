// The vocabulary models are written in: every op takes and returns Vars, so each can be evaluated plainly, streamed or
// recorded. Nothing broadcasts by itself and no type is promoted: arguments that do not fit throw ShapeError or
// DTypeError, with both sides in the message. Extents: B batch, T tokens, C channels, H heads, K classes.
#pragma once

#include <cstdint>
#include <span>

#include "engine/autodiff/var.hpp"

namespace engine {

// ---- arithmetic.cpp: a and b of one shape ----
Var add(const Var& a, const Var& b);
Var sub(const Var& a, const Var& b);
Var mul(const Var& a, const Var& b);
Var scale(const Var& x, double factor);  // factor·x
Var shift(const Var& x, double offset);  // x + offset
Var dot(const Var& a, const Var& b);     // Σ a b, a scalar

// ---- functions.cpp: elementwise ----
Var exp(const Var& x);
Var log(const Var& x);
Var sqrt(const Var& x);
Var reciprocal(const Var& x);
Var tanh(const Var& x);
Var sigmoid(const Var& x);
Var normal_cdf(const Var& x);  // Φ(x), of the standard normal distribution
enum class Activation { gelu, quick_gelu };
Var gelu(const Var& x);        // x Φ(x)                [Hendrycks & Gimpel 2016]
Var quick_gelu(const Var& x);  // x σ(1.702 x), the one OpenAI's CLIP was trained with

// ---- shape_ops.cpp: none of them computes; reshape copies if the strides leave no other way ----
Var reshape(const Var& x, const Shape& shape);
Var permute(const Var& x, const Axes& axes);
Var transpose(const Var& x);  // swaps the last two axes
Var slice(const Var& x, int axis, std::int64_t begin, std::int64_t end);
Var pad(const Var& x, int axis, std::int64_t before, std::int64_t after);  // zeros around x along one axis
Var concat(VarSpan parts, int axis);                                       // equal extents on all other axes
Var broadcast_to(const Var& x, const Shape& shape);                        // aligned at the last axis
Var cast(const Var& x, DType dtype);                                       // between f32 and f64
// Rows of a table by number, as often as named: table [N, C], rows i64 [...] in 0 .. N−1 -> [..., C].
Var take_rows(const Var& table, const Tensor& rows);
// Its transpose: x [..., C] added up where its rows belong in a table of zeros, [N, C].
Var put_rows(const Var& x, const Tensor& rows, std::int64_t N);
// [B, C, H, W] -> [B, H/p · W/p, C·p·p]: row-major patches, channel slowest inside a patch, as a convolution's weight
// is laid out.
Var patchify(const Var& images, std::int64_t patch);

// ---- reduce.cpp ----
Var sum(const Var& x, const Axes& axes);  // the axes disappear
Var mean(const Var& x, const Axes& axes);

// ---- matmul.cpp: a [..., M, K], b [..., K, N] -> [..., M, N], leading axes equal ----
Var matmul(const Var& a, const Var& b);

// ---- linear.cpp, fused: y = x Wᵀ + b; x [..., I], W [O, I], b [O] -> [..., O] ----
Var linear(const Var& x, const Var& weight);
Var linear(const Var& x, const Var& weight, const Var& bias);
Var linear_add(const Var& x, const Var& weight, const Var& bias, const Var& addend);  // x Wᵀ + b + a, a [..., O]
Var linear_activation(const Var& x, const Var& weight, const Var& bias, Activation activation);  // g(x Wᵀ + b)

// ---- one file each, fused ----
// softmax over the last axis, e^x / Σ e^x.
Var softmax(const Var& x);
// y = γ x̂ + β, x̂ = (x − mean x) / √(var x + eps) over the last axis; x [..., C], γ and β [C].  [Ba et al. 2016, eq. 4]
Var layer_norm(const Var& x, const Var& gamma, const Var& beta, double eps = 1e-5);
// x / ‖x‖₂ over the last axis. No epsilon: a row of zeros gives NaN.
Var l2_normalize(const Var& x);
// Multi-head self-attention, softmax(Q Kᵀ/√d) V, on packed q, k, v.                  [Vaswani et al. 2017, eq. 1]
// [B, T, 3C] -> [B, T, C], C = heads·d. Under the causal mask token i sees tokens 0 .. i alone.
enum class Mask { none, causal };
Var attention(const Var& qkv, std::int64_t heads, Mask mask = Mask::none);
// The mean over B of −log softmax(logits)[label]; logits [B, K], labels [B] i64 in 0 .. K−1 -> a scalar.
Var cross_entropy(const Var& logits, const Tensor& labels);
// The same against distributions: targets [B, K], each row summing to 1 -> a scalar.
Var soft_cross_entropy(const Var& logits, const Tensor& targets);

}  // namespace engine
