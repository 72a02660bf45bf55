// Class embeddings from prompts by a text encoder, as the reference code makes the weights of its heads
//   w_c = n( 1/T Σ_t n(encode(prompt t of class c)) ),   n(x) = x/‖x‖
//                                      [Radford et al. 2021, section 3.1.4; gortizji/tangent_task_arithmetic, src/heads.py]
// They are the same for every run with the same text tower, hence a cache on disk.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/tensor/tensor.hpp"
#include "models/tokenizer.hpp"

namespace models {

// Tokens [B, context] i64 -> features [B, E] f32, not normalised. Behind the first end token all is 0.
using TextEncoder = std::function<engine::Tensor(const engine::Tensor& tokens)>;

// prompts[c] are the texts of class c, one at least -> [K, E], rows of unit length. The encoder is given up to 64 texts
// at a time. Throws ShapeError if it does not return a row for each, std::runtime_error if a row has no direction.
engine::Tensor prompt_ensemble(const TextEncoder& encoder, const Tokenizer& tokenizer,
                               const std::vector<std::vector<std::string>>& prompts);

// The same, kept in `folder`, which is made if need be: a file is named after all that its content depends on, the
// encoder by `encoder_identity` (a checksum of its weights, its configuration, the precision it computes in), and appears complete or not at all.
// Throws as well std::runtime_error naming the file if one cannot be written or does not hold what its name promises.
engine::Tensor cached_prompt_ensemble(const std::filesystem::path& folder, std::string_view encoder_identity,
                                      const TextEncoder& encoder, const Tokenizer& tokenizer,
                                      const std::vector<std::vector<std::string>>& prompts);

}  // namespace models
