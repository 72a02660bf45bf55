// Multi-head self-attention on packed q, k, v, fused.                                 [Vaswani et al. 2017, eq. 1]
//
//   S = s Q Kᵀ,   P = softmax(S),   O = P V,   s = d^-1/2              residuals qkv, P
//   push   Ṗ = D(P) s (Q̇ Kᵀ + Q K̇ᵀ),   Ȯ = Ṗ V + P V̇                 D(P) v = P ⊙ (v − ⟨P, v⟩) on each row
//   pull   V̄ = Pᵀ Ō,   S̄ = s D(P) (Ō Vᵀ),   Q̄ = S̄ K,   K̄ = S̄ᵀ Q
//
// Q, K, V [B, H, T, d] are strided views of qkv [B, T, 3C], and results are written through such views: nothing is copied.
#include <cmath>

#include "engine/autodiff/primitive.hpp"
#include "engine/backend/kernels.hpp"
#include "engine/ops/check.hpp"
#include "engine/ops/ops.hpp"

namespace engine {
namespace {

// part 0, 1, 2 (q, k, v) of `parts` packed ones: [B, T, parts·C] -> [B, H, T, d]; for Tensor and MutableTensor
template <class AnyTensor>
AnyTensor head_view(const AnyTensor& packed, std::int64_t parts, std::int64_t part, std::int64_t heads) {
  const Shape& shape = packed.shape();
  const std::int64_t C = shape[2] / parts;
  return packed.slice(2, part * C, (part + 1) * C)
      .reshape({shape[0], shape[1], heads, C / heads})
      .permute({0, 2, 1, 3});
}

Tensor swapped(const Tensor& x) { return x.permute({0, 1, 3, 2}); }

class Attention final : public Primitive {
 public:
  explicit Attention(std::int64_t heads) : heads_(heads) {}
  std::string_view name() const noexcept override { return "attention"; }
  bool is_fused() const noexcept override { return true; }

  Evaluation forward(VarSpan x, Save save) const override {
    const Tensor qkv = x[0].tensor().contiguous();
    const auto [q, k, v] = split(qkv);
    Tensor p = scores(qkv);
    backend::matmul(q, swapped(k), p.writable());
    backend::softmax(p, factor(qkv), p.writable());  // in place
    Tensor o = output(qkv);
    backend::matmul(p, v, head_view(o.writable(), 1, 0, heads_));
    return {{o}, save == Save::yes ? Vars{qkv, p} : Vars{}};
  }

  Tangents pushforward(VarSpan r, TangentSpan x_dot) const override {
    const auto [q, k, v] = split(r[0].tensor());
    const Tensor& p = r[1].tensor();
    const Tensor qkv_dot = x_dot[0]->tensor().contiguous();
    const auto [q_dot, k_dot, v_dot] = split(qkv_dot);
    Tensor s_dot = scores(qkv_dot);
    backend::matmul(q_dot, swapped(k), s_dot.writable());
    backend::matmul(q, swapped(k_dot), s_dot.writable(), {.accumulate = true});
    const Tensor p_dot = backend::softmax_jacobian(p, s_dot, factor(qkv_dot));
    Tensor o_dot = output(qkv_dot);
    backend::matmul(p_dot, v, head_view(o_dot.writable(), 1, 0, heads_));
    backend::matmul(p, v_dot, head_view(o_dot.writable(), 1, 0, heads_), {.accumulate = true});
    return {Var(o_dot)};
  }

  Tangents pullback(VarSpan r, TangentSpan y_bar, const Wanted&) const override {
    const Tensor& qkv = r[0].tensor();
    const auto [q, k, v] = split(qkv);
    const Tensor& p = r[1].tensor();
    const Tensor o_bar = head_view(y_bar[0]->tensor().contiguous(), 1, 0, heads_);
    Tensor qkv_bar = Tensor::empty(qkv.shape(), qkv.dtype());
    backend::matmul(swapped(p), o_bar, head_view(qkv_bar.writable(), 3, 2, heads_));
    Tensor p_bar = scores(qkv);
    backend::matmul(o_bar, swapped(v), p_bar.writable());
    const Tensor s_bar = backend::softmax_jacobian(p, p_bar, factor(qkv));
    backend::matmul(s_bar, k, head_view(qkv_bar.writable(), 3, 0, heads_));
    backend::matmul(swapped(s_bar), q, head_view(qkv_bar.writable(), 3, 1, heads_));
    return {Var(qkv_bar)};
  }

  Vars decompose(VarSpan x) const override {
    const Shape& shape = x[0].shape();
    const std::int64_t C = shape[2] / 3;
    const auto part = [&](std::int64_t i) {
      return permute(reshape(slice(x[0], 2, i * C, (i + 1) * C), {shape[0], shape[1], heads_, C / heads_}),
                     {0, 2, 1, 3});
    };
    const Var p = softmax(scale(matmul(part(0), transpose(part(1))), factor(x[0].tensor())));
    return {reshape(permute(matmul(p, part(2)), {0, 2, 1, 3}), {shape[0], shape[1], C})};
  }

 private:
  struct Parts {
    Tensor q, k, v;
  };
  Parts split(const Tensor& qkv) const {
    return {head_view(qkv, 3, 0, heads_), head_view(qkv, 3, 1, heads_), head_view(qkv, 3, 2, heads_)};
  }
  double factor(const Tensor& qkv) const { return 1.0 / std::sqrt(static_cast<double>(qkv.shape()[2] / 3 / heads_)); }
  Tensor scores(const Tensor& qkv) const {
    return Tensor::empty({qkv.shape()[0], heads_, qkv.shape()[1], qkv.shape()[1]}, qkv.dtype());
  }
  static Tensor output(const Tensor& qkv) {
    return Tensor::empty(qkv.shape().with(2, qkv.shape()[2] / 3), qkv.dtype());
  }

  std::int64_t heads_;
};

}  // namespace

Var attention(const Var& qkv, std::int64_t heads) {
  require_floating("attention", qkv);
  require(heads > 0 && qkv.shape().rank() == 3 && qkv.shape()[2] > 0 && qkv.shape()[2] % (3 * heads) == 0, "attention",
          "needs qkv [B, T, 3·C] with C a multiple of the heads, " + std::to_string(heads), qkv);
  return call(std::make_shared<const Attention>(heads), {qkv});
}

}  // namespace engine
