#include "models/vit.hpp"

#include <cmath>
#include <optional>
#include <stdexcept>
#include <string>

#include "engine/tensor/errors.hpp"

namespace models {

using engine::Shape;
using engine::Var;
using nn::Init;

namespace {

void check(const VitConfig& c) {
  const auto demand = [](bool holds, const std::string& message) {
    if (!holds) throw std::invalid_argument("[vit] " + message);
  };
  // Far beyond any model there is; they keep every product of extents within 63 bits, whatever a file says.
  const auto within = [&demand](const std::string& what, std::int64_t got, std::int64_t least, std::int64_t most) {
    demand(got >= least && got <= most, "the " + what + " must lie in " + std::to_string(least) + " .. " +
                                            std::to_string(most) + "; got " + std::to_string(got) + ".");
  };
  within("image size", c.image_size, 1, 4096);
  within("width", c.width, 1, 65536);
  within("depth", c.depth, 1, 1024);
  within("embedding", c.embedding, 0, 65536);
  demand(c.patch > 0 && c.image_size % c.patch == 0, "the image size must be a multiple of the patch; got " +
                                                         std::to_string(c.image_size) + " and " +
                                                         std::to_string(c.patch) + ".");
  demand(c.heads > 0 && c.width % c.heads == 0, "the width must be a multiple of the heads; got " +
                                                    std::to_string(c.width) + " and " + std::to_string(c.heads) +
                                                    "; choose another number of heads, or another width.");
  demand(c.mlp_ratio > 0.0 && c.mlp_ratio <= 64.0,
         "the MLP ratio must lie in (0, 64]; got " + std::to_string(c.mlp_ratio) + ".");
}

}  // namespace

struct Vit::Parts {
  Parts(const nn::Scope& scope, const VitConfig& c)
      : image_size(c.image_size),
        patch(c.patch),
        width(c.width),
        patches(c.image_size / c.patch * (c.image_size / c.patch)),
        conv1(scope.add("conv1.weight", {c.width, 3, c.patch, c.patch},
                        Init::normal(1.0 / std::sqrt(static_cast<double>(3 * c.patch * c.patch))))),
        class_embedding(
            scope.add("class_embedding", {c.width}, Init::normal(1.0 / std::sqrt(static_cast<double>(c.width))))),
        positional_embedding(scope.add("positional_embedding", {patches + 1, c.width},
                                       Init::normal(1.0 / std::sqrt(static_cast<double>(c.width))))),
        ln_pre(c.ln_pre ? std::optional<nn::LayerNorm>(std::in_place, scope.child("ln_pre"), c.width) : std::nullopt),
        transformer(scope.child("transformer"), {c.width, c.depth, c.heads, c.mlp_ratio, c.activation}),
        ln_post(scope.child("ln_post"), c.width),
        proj(c.embedding > 0 ? std::optional(scope.add("proj", {c.width, c.embedding},
                                                       Init::normal(1.0 / std::sqrt(static_cast<double>(c.width)))))
                             : std::nullopt) {}

  Var operator()(const nn::Params& p, const Var& images) const {
    if (images.shape().rank() != 4 || images.shape().with(0, 1) != Shape{1, 3, image_size, image_size}) {
      throw engine::ShapeError("[vit] needs images [B, 3, " + std::to_string(image_size) + ", " +
                               std::to_string(image_size) + "]; got " + to_string(images.shape()) + ".");
    }
    const std::int64_t B = images.shape()[0];
    const Var kernel = reshape(p[conv1], {width, 3 * patch * patch});
    const Var tokens = linear(engine::patchify(images, patch), kernel);  // [B, patches, C]
    const Var first = broadcast_to(p[class_embedding], {B, 1, width});
    Var x = concat(engine::Vars{first, tokens}, 1);  // [B, T, C]
    x = add(x, broadcast_to(p[positional_embedding], x.shape()));
    if (ln_pre.has_value()) x = (*ln_pre)(p, x);
    x = ln_post(p, reshape(transformer.first_token(p, x), {B, width}));
    return proj.has_value() ? linear(x, transpose(p[*proj])) : x;
  }

  std::int64_t image_size;
  std::int64_t patch;
  std::int64_t width;
  std::int64_t patches;
  nn::ParamId conv1;
  nn::ParamId class_embedding;
  nn::ParamId positional_embedding;
  std::optional<nn::LayerNorm> ln_pre;
  nn::Transformer transformer;
  nn::LayerNorm ln_post;
  std::optional<nn::ParamId> proj;
};

Vit::Vit(const VitConfig& config) : config_(config) {
  check(config);
  nn::Layout layout;
  parts_ = std::make_shared<const Parts>(nn::Scope(layout), config);
  layout_ = std::make_shared<const nn::Layout>(std::move(layout));
}

Var Vit::operator()(const nn::Params& p, const Var& images) const { return (*parts_)(p, images); }

nn::Model Vit::model() const {
  return [parts = parts_](const nn::Params& p, const Var& images) { return (*parts)(p, images); };
}

}  // namespace models
