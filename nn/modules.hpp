// The layers models are made of. They are stateless: each registers names and shapes once and is a pure function of
// (parameters, input) afterwards, so nothing has to be "made functional" before it is linearised. Parameter names are
// those of CLIP checkpoints (OpenAI, open_clip).  Extents: B batch, T tokens, C channels, H heads.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "engine/ops/ops.hpp"
#include "nn/params.hpp"

namespace nn {

class Linear {  // [..., in] -> [..., out]: x Wᵀ + b
 public:
  Linear(const Scope& scope, std::int64_t in, std::int64_t out, Init weight);
  engine::Var operator()(const Params& p, const engine::Var& x) const;
  engine::Var with_activation(const Params& p, const engine::Var& x, engine::Activation g) const;  // g(x Wᵀ + b)
  engine::Var added_to(const Params& p, const engine::Var& x,
                       const engine::Var& residual) const;  // residual + x Wᵀ + b

 private:
  ParamId weight_;  // [out, in]
  ParamId bias_;    // [out]
};

class LayerNorm {  // [..., C] -> [..., C]
 public:
  LayerNorm(const Scope& scope, std::int64_t channels);
  engine::Var operator()(const Params& p, const engine::Var& x) const;

 private:
  ParamId weight_;
  ParamId bias_;
};

struct TransformerConfig {
  std::int64_t width = 0;
  std::int64_t depth = 0;
  std::int64_t heads = 0;
  double mlp_ratio = 4.0;
  engine::Activation activation = engine::Activation::quick_gelu;
  engine::Mask mask = engine::Mask::none;
};

class Attention {  // every token sees every other, or those before it under the causal mask
 public:
  Attention(const Scope& scope, const TransformerConfig& config);
  engine::Var heads(const Params& p, const engine::Var& x) const;  // [B, T, C] -> [B, T, C], what each head found
  // [..., C] -> [..., C]: x + the heads mixed
  engine::Var added_to(const Params& p, const engine::Var& heads, const engine::Var& x) const;

 private:
  ParamId in_weight_;  // [3C, C]: rows of q, then k, then v
  ParamId in_bias_;    // [3C]
  Linear out_;
  std::int64_t heads_;
  engine::Mask mask_;
};

class Block {  // x += attention(ln_1(x)), x += mlp(ln_2(x))
 public:
  Block(const Scope& scope, const TransformerConfig& config);
  engine::Var operator()(const Params& p, const engine::Var& x) const;
  engine::Var first_token(const Params& p, const engine::Var& x) const;  // [B, T, C] -> [B, 1, C]: token 0 of the above

 private:
  engine::Var mlp(const Params& p, const engine::Var& x) const;
  LayerNorm ln_1_;
  Attention attention_;
  LayerNorm ln_2_;
  Linear fc_;
  Linear projection_;
  engine::Activation activation_;
};

class Transformer {
 public:
  Transformer(const Scope& scope, const TransformerConfig& config);
  // [B, T, C] -> [B, 1, C]: token 0 after all blocks. The last block is spared what only the other tokens need.
  engine::Var first_token(const Params& p, const engine::Var& x) const;
  engine::Var all_tokens(const Params& p, const engine::Var& x) const;  // [B, T, C] -> [B, T, C]

 private:
  std::vector<Block> blocks_;
};

}  // namespace nn
