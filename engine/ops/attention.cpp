// Multi-head self-attention on packed q, k, v, fused.                                 [Vaswani et al. 2017, eq. 1]
//
//   S = s Q Kᵀ,   P = softmax(S),   O = P V,   s = d^-1/2              residuals qkv, P
//   push   Ṗ = D(P) s (Q̇ Kᵀ + Q K̇ᵀ),   Ȯ = Ṗ V + P V̇                 D(P) v = P ⊙ (v − ⟨P, v⟩) on each row
//   pull   V̄ = Pᵀ Ō,   S̄ = s D(P) (Ō Vᵀ),   Q̄ = S̄ K,   K̄ = S̄ᵀ Q
//
// The causal mask sets S to −10³⁰ above the diagonal. P is 0 there, and with it D(P) v: push and pull need no mask.
//
// Q, K, V [B, H, T, d] are strided views of qkv [B, T, 3C], and results are written through such views: nothing is copied.
#include <algorithm>
#include <cmath>
#include <functional>

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
  Attention(std::int64_t heads, Mask mask) : heads_(heads), mask_(mask) {}
  std::string_view name() const noexcept override { return "attention"; }
  bool is_fused() const noexcept override { return true; }

  Evaluation forward(VarSpan x, Save save) const override {
    const Tensor qkv = x[0].tensor().contiguous();
    Tensor all_p = scores(qkv);
    Tensor all_o = output(qkv);
    for_each_group(qkv, [&](std::int64_t begin, std::int64_t end) {
      const auto [q, k, v] = split(qkv.slice(0, begin, end));
      const MutableTensor p = all_p.writable().slice(0, begin, end);
      backend::matmul(q, swapped(k), p);
      if (mask_ == Mask::causal) backend::mask_future(p);
      backend::softmax_in_place(p, factor(qkv));
      backend::matmul(all_p.slice(0, begin, end), v, head_view(all_o.writable().slice(0, begin, end), 1, 0, heads_));
    });
    return {{all_o}, save == Save::yes ? Vars{qkv, all_p} : Vars{}};
  }

  Tangents pushforward(VarSpan r, TangentSpan x_dot) const override {
    const Tensor& all_qkv = r[0].tensor();
    const Tensor all_qkv_dot = x_dot[0]->tensor().contiguous();
    Tensor all_o_dot = output(all_qkv);
    for_each_group(all_qkv, [&](std::int64_t begin, std::int64_t end) {
      const auto [q, k, v] = split(all_qkv.slice(0, begin, end));
      const auto [q_dot, k_dot, v_dot] = split(all_qkv_dot.slice(0, begin, end));
      const Tensor p = r[1].tensor().slice(0, begin, end);
      const MutableTensor o_dot = head_view(all_o_dot.writable().slice(0, begin, end), 1, 0, heads_);
      Tensor s_dot = Tensor::empty(p.shape(), p.dtype());
      backend::matmul(q_dot, swapped(k), s_dot.writable());
      backend::matmul(q, swapped(k_dot), s_dot.writable(), {.accumulate = true});
      const Tensor p_dot = backend::softmax_jacobian(p, s_dot, factor(all_qkv));
      backend::matmul(p_dot, v, o_dot);
      backend::matmul(p, v_dot, o_dot, {.accumulate = true});
    });
    return {Var(all_o_dot)};
  }

  Tangents pullback(VarSpan r, TangentSpan y_bar, const Wanted&) const override {
    const Tensor& all_qkv = r[0].tensor();
    const Tensor all_o_bar = head_view(y_bar[0]->tensor().contiguous(), 1, 0, heads_);
    Tensor all_qkv_bar = Tensor::empty(all_qkv.shape(), all_qkv.dtype());
    for_each_group(all_qkv, [&](std::int64_t begin, std::int64_t end) {
      const auto [q, k, v] = split(all_qkv.slice(0, begin, end));
      const Tensor p = r[1].tensor().slice(0, begin, end);
      const Tensor o_bar = all_o_bar.slice(0, begin, end);
      const MutableTensor qkv_bar = all_qkv_bar.writable().slice(0, begin, end);
      backend::matmul(swapped(p), o_bar, head_view(qkv_bar, 3, 2, heads_));
      Tensor p_bar = Tensor::empty(p.shape(), p.dtype());
      backend::matmul(o_bar, swapped(v), p_bar.writable());
      const Tensor s_bar = backend::softmax_jacobian(p, p_bar, factor(all_qkv));
      backend::matmul(s_bar, k, head_view(qkv_bar, 3, 0, heads_));
      backend::matmul(swapped(s_bar), q, head_view(qkv_bar, 3, 1, heads_));
    });
    return {Var(all_qkv_bar)};
  }

  Vars decompose(VarSpan x) const override {
    const Shape& shape = x[0].shape();
    const std::int64_t C = shape[2] / 3;
    const auto part = [&](std::int64_t i) {
      return permute(reshape(slice(x[0], 2, i * C, (i + 1) * C), {shape[0], shape[1], heads_, C / heads_}),
                     {0, 2, 1, 3});
    };
    Var s = scale(matmul(part(0), transpose(part(1))), factor(x[0].tensor()));
    if (mask_ == Mask::causal) {
      Tensor hidden = Tensor::zeros({shape[1], shape[1]}, x[0].dtype());
      backend::mask_future(hidden.writable());
      s = add(s, hidden.broadcast_to(s.shape()));
    }
    const Var p = softmax(s);
    return {reshape(permute(matmul(p, part(2)), {0, 2, 1, 3}), {shape[0], shape[1], C})};
  }

 private:
  struct Parts {
    Tensor q, k, v;
  };
  Parts split(const Tensor& qkv) const {
    return {head_view(qkv, 3, 0, heads_), head_view(qkv, 3, 1, heads_), head_view(qkv, 3, 2, heads_)};
  }
  // A few images at a time, so that their scores stay in the core's cache from one product to the next.
  void for_each_group(const Tensor& qkv, const std::function<void(std::int64_t begin, std::int64_t end)>& body) const {
    constexpr std::int64_t kScores = 1 << 15;  // elements
    const std::int64_t B = qkv.shape()[0];
    const std::int64_t size =
        std::max<std::int64_t>(1, kScores / std::max<std::int64_t>(1, heads_ * qkv.shape()[1] * qkv.shape()[1]));
    for (std::int64_t begin = 0; begin < B; begin += size) body(begin, std::min(begin + size, B));
  }
  double factor(const Tensor& qkv) const { return 1.0 / std::sqrt(static_cast<double>(qkv.shape()[2] / 3 / heads_)); }
  Tensor scores(const Tensor& qkv) const {
    return Tensor::empty({qkv.shape()[0], heads_, qkv.shape()[1], qkv.shape()[1]}, qkv.dtype());
  }
  static Tensor output(const Tensor& qkv) {
    return Tensor::empty(qkv.shape().with(2, qkv.shape()[2] / 3), qkv.dtype());
  }

  std::int64_t heads_;
  Mask mask_;
};

}  // namespace

Var attention(const Var& qkv, std::int64_t heads, Mask mask) {
  require_floating("attention", qkv);
  require(heads > 0 && qkv.shape().rank() == 3 && qkv.shape()[2] / 3 >= heads && qkv.shape()[2] % (3 * heads) == 0,
          "attention", "needs qkv [B, T, 3·C] with C a multiple of the heads, " + std::to_string(heads), qkv);
  require(qkv.shape()[1] > 0, "attention", "needs tokens to look at", qkv);
  return call(std::make_shared<const Attention>(heads, mask), {qkv});
}

}  // namespace engine
