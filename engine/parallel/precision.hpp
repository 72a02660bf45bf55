// In which precision products of f32 tensors are taken. For the whole process; to be chosen before the first step.
#pragma once

#include <string_view>

namespace engine {

// bf16: both factors are rounded to bfloat16 (8 bits of mantissa), products and sums stay f32. Everything that is no
// product, and all weights, stay f32. Small products of stacks (attention's scores at few tokens) are not rounded.
enum class Precision { f32, bf16 };

void set_precision(Precision precision) noexcept;
Precision precision() noexcept;
std::string_view to_string(Precision precision) noexcept;  // "f32", "bf16"

// Whether this processor has instructions for bf16 (AVX-512 BF16). Without them the products are the same, but slower
// than those of f32.
bool has_bf16_instructions() noexcept;

}  // namespace engine
