// The tensors of CLIP in the two layouts that checkpoints have, and how one becomes the other.
//
// We name a tensor as OpenAI and open_clip do. Hugging Face keeps q, k and v apart, which lie one behind the other in ours,
// and turns both projections around: [E, C] where ours are [C, E]. Where C = E no shape tells the two apart, the layout does.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/tensor/shape.hpp"

namespace models {

enum class ClipLayout { open_clip, hugging_face };
std::string_view to_string(ClipLayout layout) noexcept;  // "open_clip", "Hugging Face"

// A tensor of a file as part of one of ours: `shape` in the file, from element `begin` of ours.
struct ClipPiece {
  std::string name;
  engine::Shape shape;
  std::int64_t begin = 0;
  bool transposed = false;
};

// What a layout makes of our tensor: one piece, or those of q, k and v in this order.
std::vector<ClipPiece> clip_pieces(std::string_view name, const engine::Shape& shape, ClipLayout layout);

// The name of ours that a tensor of a file belongs to; empty if the layout has no such tensor. Of all names that could be:
// whether the block it tells of is there is not looked at.
std::string clip_name(std::string_view name_in_file, ClipLayout layout);

}  // namespace models
