// The activations by the names that configs and command lines give them.
#pragma once

#include <optional>
#include <string_view>

#include "engine/ops/ops.hpp"

namespace models {

std::string_view to_string(engine::Activation activation) noexcept;                 // "quick_gelu", "gelu"
std::optional<engine::Activation> find_activation(std::string_view name) noexcept;  // none of that name: nullopt

}  // namespace models
