#include "models/text_tower.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/tensor/errors.hpp"

namespace models {

using engine::Tensor;
using engine::Var;
using nn::Init;

namespace {

void check(const TextConfig& c) {
  const auto demand = [](bool holds, const std::string& message) {
    if (!holds) throw std::invalid_argument("[text_tower] " + message);
  };
  // As of the image tower (vit.cpp): they keep every product of extents within 63 bits, whatever a file says.
  const auto within = [&demand](const std::string& what, std::int64_t got, std::int64_t least, std::int64_t most) {
    demand(got >= least && got <= most, "the " + what + " must lie in " + std::to_string(least) + " .. " +
                                            std::to_string(most) + "; got " + std::to_string(got) + ".");
  };
  within("context", c.context, 1, 65536);
  within("vocabulary", c.vocabulary, 1, std::int64_t{1} << 24);
  within("width", c.width, 1, 65536);
  within("depth", c.depth, 1, 1024);
  within("embedding", c.embedding, 0, 65536);
  demand(c.heads > 0 && c.width % c.heads == 0, "the width must be a multiple of the heads; got " +
                                                    std::to_string(c.width) + " and " + std::to_string(c.heads) + ".");
  demand(c.mlp_ratio > 0.0 && c.mlp_ratio <= 64.0,
         "the MLP ratio must lie in (0, 64]; got " + std::to_string(c.mlp_ratio) + ".");
}

// Where each text ends, as a row of the [B·T] tokens.
Tensor last_rows(const Tensor& tokens) {
  const std::int64_t B = tokens.shape()[0];
  const std::int64_t T = tokens.shape()[1];
  const Tensor dense = tokens.contiguous();
  std::vector<std::int64_t> rows;
  for (std::int64_t b = 0; b < B; ++b) {
    const std::int64_t* const first = dense.data<std::int64_t>() + b * T;
    rows.push_back(b * T + (std::max_element(first, first + T) - first));
  }
  return Tensor::from<std::int64_t>(rows, {B});
}

}  // namespace

struct TextTower::Parts {
  Parts(const nn::Scope& scope, const TextConfig& c)
      : context(c.context),
        vocabulary(c.vocabulary),
        width(c.width),
        token_embedding(scope.add("token_embedding.weight", {c.vocabulary, c.width}, Init::normal(0.02))),
        positional_embedding(scope.add("positional_embedding", {c.context, c.width}, Init::normal(0.01))),
        transformer(scope.child("transformer"),
                    {c.width, c.depth, c.heads, c.mlp_ratio, c.activation, engine::Mask::causal}),
        ln_final(scope.child("ln_final"), c.width),
        projection(c.embedding > 0
                       ? std::optional(scope.add("text_projection", {c.width, c.embedding},
                                                 Init::normal(1.0 / std::sqrt(static_cast<double>(c.width)))))
                       : std::nullopt) {}

  void check_tokens(const Var& tokens) const {
    if (tokens.dtype() != engine::DType::i64) {
      throw engine::DTypeError("[text_tower] needs token ids in i64; got " + describe(tokens.tensor()) + ".");
    }
    const engine::Shape& shape = tokens.shape();
    if (shape.rank() != 2 || shape[1] < 1 || shape[1] > context) {
      throw engine::ShapeError("[text_tower] needs tokens [B, T], T in 1 .. " + std::to_string(context) + "; got " +
                               to_string(shape) + ".");
    }
    const Tensor dense = tokens.tensor().contiguous();
    for (std::int64_t i = 0; i < dense.numel(); ++i) {
      const std::int64_t id = dense.data<std::int64_t>()[i];
      if (id < 0 || id >= vocabulary) {
        throw engine::ShapeError("[text_tower] token ids must lie in 0 .. " + std::to_string(vocabulary - 1) +
                                 "; text " + std::to_string(i / shape[1]) + " has " + std::to_string(id) + ".");
      }
    }
  }

  Var operator()(const nn::Params& p, const Var& tokens) const {
    check_tokens(tokens);
    const std::int64_t B = tokens.shape()[0];
    const std::int64_t T = tokens.shape()[1];
    Var x = take_rows(p[token_embedding], tokens.tensor());  // [B, T, C]
    x = add(x, broadcast_to(slice(p[positional_embedding], 0, 0, T), x.shape()));
    x = reshape(transformer.all_tokens(p, x), {B * T, width});
    x = ln_final(p, take_rows(x, last_rows(tokens.tensor())));  // [B, C]
    return projection.has_value() ? linear(x, transpose(p[*projection])) : x;
  }

  std::int64_t context;
  std::int64_t vocabulary;
  std::int64_t width;
  nn::ParamId token_embedding;
  nn::ParamId positional_embedding;
  nn::Transformer transformer;
  nn::LayerNorm ln_final;
  std::optional<nn::ParamId> projection;
};

TextTower::TextTower(const TextConfig& config) : config_(config) {
  check(config);
  nn::Layout layout;
  parts_ = std::make_shared<const Parts>(nn::Scope(layout), config);
  layout_ = std::make_shared<const nn::Layout>(std::move(layout));
}

Var TextTower::operator()(const nn::Params& p, const Var& tokens) const { return (*parts_)(p, tokens); }

nn::Model TextTower::model() const {
  return [parts = parts_](const nn::Params& p, const Var& tokens) { return (*parts)(p, tokens); };
}

}  // namespace models
