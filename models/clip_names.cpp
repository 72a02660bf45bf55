#include "models/clip_names.hpp"

#include <array>
#include <cctype>
#include <utility>

namespace models {
namespace {

using Pair = std::pair<std::string_view, std::string_view>;  // ours, Hugging Face's

constexpr std::array<Pair, 14> kSingle = {{
    {"visual.conv1.weight", "vision_model.embeddings.patch_embedding.weight"},
    {"visual.class_embedding", "vision_model.embeddings.class_embedding"},
    {"visual.positional_embedding", "vision_model.embeddings.position_embedding.weight"},
    {"visual.ln_pre.weight", "vision_model.pre_layrnorm.weight"},  // misspelt by them
    {"visual.ln_pre.bias", "vision_model.pre_layrnorm.bias"},
    {"visual.ln_post.weight", "vision_model.post_layernorm.weight"},
    {"visual.ln_post.bias", "vision_model.post_layernorm.bias"},
    {"visual.proj", "visual_projection.weight"},
    {"token_embedding.weight", "text_model.embeddings.token_embedding.weight"},
    {"positional_embedding", "text_model.embeddings.position_embedding.weight"},
    {"ln_final.weight", "text_model.final_layer_norm.weight"},
    {"ln_final.bias", "text_model.final_layer_norm.bias"},
    {"text_projection", "text_projection.weight"},
    {"logit_scale", "logit_scale"},
}};

constexpr std::array<Pair, 2> kTowers = {{
    {"visual.transformer.resblocks.", "vision_model.encoder.layers."},
    {"transformer.resblocks.", "text_model.encoder.layers."},
}};

constexpr std::array<Pair, 10> kInBlock = {{
    {"ln_1.weight", "layer_norm1.weight"},
    {"ln_1.bias", "layer_norm1.bias"},
    {"attn.out_proj.weight", "self_attn.out_proj.weight"},
    {"attn.out_proj.bias", "self_attn.out_proj.bias"},
    {"ln_2.weight", "layer_norm2.weight"},
    {"ln_2.bias", "layer_norm2.bias"},
    {"mlp.c_fc.weight", "mlp.fc1.weight"},
    {"mlp.c_fc.bias", "mlp.fc1.bias"},
    {"mlp.c_proj.weight", "mlp.fc2.weight"},
    {"mlp.c_proj.bias", "mlp.fc2.bias"},
}};

constexpr std::array<std::string_view, 3> kPacked = {"self_attn.q_proj.", "self_attn.k_proj.", "self_attn.v_proj."};

struct BlockName {
  std::size_t tower;  // in kTowers
  std::string_view number;
  std::string_view rest;
};

// "<a tower's prefix><number>.<rest>"; rest is empty if it is not of that form.
BlockName in_block(std::string_view name, std::string_view Pair::*side) {
  for (std::size_t tower = 0; tower < kTowers.size(); ++tower) {
    const std::string_view prefix = kTowers[tower].*side;
    if (!name.starts_with(prefix)) continue;
    const std::string_view after = name.substr(prefix.size());
    std::size_t digits = 0;
    while (digits < after.size() && std::isdigit(static_cast<unsigned char>(after[digits])) != 0) ++digits;
    const bool is_number = digits > 0 && digits <= 4 && (digits == 1 || after[0] != '0');
    if (is_number && digits < after.size() && after[digits] == '.')
      return {tower, after.substr(0, digits), after.substr(digits + 1)};
  }
  return {0, {}, {}};
}

template <std::size_t N>
std::string_view partner(const std::array<Pair, N>& table, std::string_view name, std::string_view Pair::*from,
                         std::string_view Pair::*to) {
  for (const Pair& pair : table) {
    if (pair.*from == name) return pair.*to;
  }
  return {};
}

engine::Shape swapped(const engine::Shape& shape) { return {shape[1], shape[0]}; }

}  // namespace

std::string_view to_string(ClipLayout layout) noexcept {
  return layout == ClipLayout::open_clip ? "open_clip" : "Hugging Face";
}

std::vector<ClipPiece> clip_pieces(std::string_view name, const engine::Shape& shape, ClipLayout layout) {
  if (layout == ClipLayout::open_clip) return {{std::string(name), shape, 0, false}};
  const std::string_view single = partner(kSingle, name, &Pair::first, &Pair::second);
  if (!single.empty()) {
    const bool transposed = name == "visual.proj" || name == "text_projection";
    return {{std::string(single), transposed ? swapped(shape) : shape, 0, transposed}};
  }
  const BlockName block = in_block(name, &Pair::first);
  const std::string prefix = std::string(kTowers[block.tower].second) + std::string(block.number) + ".";
  if (block.rest == "attn.in_proj_weight" || block.rest == "attn.in_proj_bias") {
    const std::string ending = block.rest.ends_with("weight") ? "weight" : "bias";
    const engine::Shape third = shape.with(0, shape[0] / 3);
    std::vector<ClipPiece> pieces;
    for (const std::string_view part : kPacked) {
      pieces.push_back({prefix + std::string(part) + ending, third,
                        static_cast<std::int64_t>(pieces.size()) * third.numel(), false});
    }
    return pieces;
  }
  return {{prefix + std::string(partner(kInBlock, block.rest, &Pair::first, &Pair::second)), shape, 0, false}};
}

std::string clip_name(std::string_view name, ClipLayout layout) {
  if (name.empty()) return {};
  const bool ours = layout == ClipLayout::open_clip;
  const auto side = ours ? &Pair::first : &Pair::second;
  const std::string_view single = partner(kSingle, name, side, &Pair::first);
  if (!single.empty()) return std::string(single);
  const BlockName block = in_block(name, side);
  if (block.rest.empty()) return {};
  const std::string prefix = std::string(kTowers[block.tower].first) + std::string(block.number) + ".";
  for (const std::string ending : {"weight", "bias"}) {
    if (ours && block.rest == "attn.in_proj_" + ending) return prefix + std::string(block.rest);
    for (const std::string_view part : kPacked) {
      if (!ours && block.rest == std::string(part) + ending) return prefix + "attn.in_proj_" + ending;
    }
  }
  const std::string_view rest = partner(kInBlock, block.rest, side, &Pair::first);
  return rest.empty() ? std::string() : prefix + std::string(rest);
}

}  // namespace models
