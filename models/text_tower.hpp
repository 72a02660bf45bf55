// The text tower of CLIP: token ids [B, T] -> un-normalised features [B, E].                    [Radford et al. 2021, section 2.4]
//
//   token embedding + positions, blocks under the causal mask, ln_final, of each text the token of the largest id, · projection
//
// The largest id is the end of the text (49407 in CLIP's vocabulary); of several the first counts. Since no token sees what
// follows it, it does not matter what the text is padded with. Parameter names and layouts are those of OpenAI's and
// open_clip's checkpoints.
#pragma once

#include <cstdint>
#include <memory>

#include "nn/modules.hpp"
#include "nn/params.hpp"
#include "nn/tangent_model.hpp"

namespace models {

struct TextConfig {
  std::int64_t context = 77;  // the most tokens
  std::int64_t vocabulary = 49408;
  std::int64_t width = 512;
  std::int64_t depth = 12;
  std::int64_t heads = 8;
  double mlp_ratio = 4.0;
  engine::Activation activation = engine::Activation::quick_gelu;
  std::int64_t embedding = 512;  // E; 0 leaves the projection out, and E is the width
};

class TextTower {
 public:
  explicit TextTower(const TextConfig& config);  // throws std::invalid_argument if the extents do not fit each other
  // tokens i64 [B, T], T at most the context. Throws ShapeError or DTypeError for others, and for an id that is none.
  engine::Var operator()(const nn::Params& p, const engine::Var& tokens) const;

  const TextConfig& config() const noexcept { return config_; }
  const std::shared_ptr<const nn::Layout>& layout() const noexcept { return layout_; }
  std::int64_t features() const noexcept { return config_.embedding > 0 ? config_.embedding : config_.width; }
  nn::Model model() const;  // shares this network's structure; may outlive it

 private:
  struct Parts;
  TextConfig config_;
  std::shared_ptr<const Parts> parts_;
  std::shared_ptr<const nn::Layout> layout_;
};

}  // namespace models
