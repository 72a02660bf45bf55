// The vision transformer of CLIP: images [B, 3, S, S] -> un-normalised features [B, E].
//                                                              [Dosovitskiy et al. 2021; Radford et al. 2021]
//   patches · conv1ᵀ, class token in front, + positions, ln_pre, blocks, ln_post of the class token, · proj
//
// Parameter names and layouts are those of OpenAI's and open_clip's checkpoints, without the "visual." in front.
#pragma once

#include <cstdint>
#include <memory>

#include "nn/modules.hpp"
#include "nn/params.hpp"
#include "nn/tangent_model.hpp"

namespace models {

struct VitConfig {
  std::int64_t image_size = 32;
  std::int64_t patch = 8;
  std::int64_t width = 96;
  std::int64_t depth = 3;
  std::int64_t heads = 3;
  double mlp_ratio = 4.0;
  engine::Activation activation = engine::Activation::quick_gelu;
  bool ln_pre = true;
  std::int64_t embedding = 256;  // E; 0 leaves the projection out, and E is the width
};

class Vit {
 public:
  explicit Vit(const VitConfig& config);  // throws std::invalid_argument if the extents do not fit each other
  engine::Var operator()(const nn::Params& p, const engine::Var& images) const;

  const VitConfig& config() const noexcept { return config_; }
  const std::shared_ptr<const nn::Layout>& layout() const noexcept { return layout_; }
  std::int64_t features() const noexcept { return config_.embedding > 0 ? config_.embedding : config_.width; }
  nn::Model model() const;  // shares this network's structure; may outlive it

 private:
  struct Parts;
  VitConfig config_;
  std::shared_ptr<const Parts> parts_;
  std::shared_ptr<const nn::Layout> layout_;
};

}  // namespace models
