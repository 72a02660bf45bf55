// The known name most like a mistyped one, for error messages.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace nn {

// "; nearest: 'attn'", or nothing if a third of the name, rounded up, does not change it into a known one, and none
// is a part of the other.
std::string nearest_hint(std::string_view name, std::span<const std::string> known);

}  // namespace nn
