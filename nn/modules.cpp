#include "nn/modules.hpp"

#include <cmath>

namespace nn {
namespace {

// CLIP's initial deviations: the two layers that write into the residual stream are the smaller the more of them there
// are.
double root(double x) { return 1.0 / std::sqrt(x); }
double width_root(const TransformerConfig& c) { return root(static_cast<double>(c.width)); }
double stream_root(const TransformerConfig& c) { return width_root(c) * root(2.0 * static_cast<double>(c.depth)); }

std::int64_t hidden_width(const TransformerConfig& c) {
  return std::llround(static_cast<double>(c.width) * c.mlp_ratio);
}

}  // namespace

Linear::Linear(const Scope& scope, std::int64_t in, std::int64_t out, Init weight)
    : weight_(scope.add("weight", {out, in}, weight)), bias_(scope.add("bias", {out}, Init::zeros())) {}

engine::Var Linear::operator()(const Params& p, const engine::Var& x) const {
  return engine::linear(x, p[weight_], p[bias_]);
}

engine::Var Linear::with_activation(const Params& p, const engine::Var& x, engine::Activation g) const {
  return engine::linear_activation(x, p[weight_], p[bias_], g);
}

engine::Var Linear::added_to(const Params& p, const engine::Var& x, const engine::Var& residual) const {
  return engine::linear_add(x, p[weight_], p[bias_], residual);
}

LayerNorm::LayerNorm(const Scope& scope, std::int64_t channels)
    : weight_(scope.add("weight", {channels}, Init::ones())), bias_(scope.add("bias", {channels}, Init::zeros())) {}

engine::Var LayerNorm::operator()(const Params& p, const engine::Var& x) const {
  return engine::layer_norm(x, p[weight_], p[bias_], 1e-5);
}

Attention::Attention(const Scope& scope, const TransformerConfig& config)
    : in_weight_(scope.add("in_proj_weight", {3 * config.width, config.width}, Init::normal(width_root(config)))),
      in_bias_(scope.add("in_proj_bias", {3 * config.width}, Init::zeros())),
      out_(scope.child("out_proj"), config.width, config.width, Init::normal(stream_root(config))),
      heads_(config.heads),
      mask_(config.mask) {}

engine::Var Attention::heads(const Params& p, const engine::Var& x) const {
  return engine::attention(engine::linear(x, p[in_weight_], p[in_bias_]), heads_, mask_);
}

engine::Var Attention::added_to(const Params& p, const engine::Var& heads, const engine::Var& x) const {
  return out_.added_to(p, heads, x);
}

Block::Block(const Scope& scope, const TransformerConfig& config)
    : ln_1_(scope.child("ln_1"), config.width),
      attention_(scope.child("attn"), config),
      ln_2_(scope.child("ln_2"), config.width),
      fc_(scope.child("mlp").child("c_fc"), config.width, hidden_width(config),
          Init::normal(root(2.0 * static_cast<double>(config.width)))),
      projection_(scope.child("mlp").child("c_proj"), hidden_width(config), config.width,
                  Init::normal(stream_root(config))),
      activation_(config.activation) {}

engine::Var Block::operator()(const Params& p, const engine::Var& x) const {
  return mlp(p, attention_.added_to(p, attention_.heads(p, ln_1_(p, x)), x));
}

engine::Var Block::first_token(const Params& p, const engine::Var& x) const {
  const engine::Var found = engine::slice(attention_.heads(p, ln_1_(p, x)), 1, 0, 1);
  return mlp(p, attention_.added_to(p, found, engine::slice(x, 1, 0, 1)));
}

engine::Var Block::mlp(const Params& p, const engine::Var& x) const {
  return projection_.added_to(p, fc_.with_activation(p, ln_2_(p, x), activation_), x);
}

Transformer::Transformer(const Scope& scope, const TransformerConfig& config) {
  for (std::int64_t i = 0; i < config.depth; ++i)
    blocks_.emplace_back(scope.child("resblocks").child(std::to_string(i)), config);
}

engine::Var Transformer::first_token(const Params& p, const engine::Var& x) const {
  engine::Var y = x;
  for (std::size_t i = 0; i + 1 < blocks_.size(); ++i) y = blocks_[i](p, y);
  return blocks_.back().first_token(p, y);
}

engine::Var Transformer::all_tokens(const Params& p, const engine::Var& x) const {
  engine::Var y = x;
  for (const Block& block : blocks_) y = block(p, y);
  return y;
}

}  // namespace nn
