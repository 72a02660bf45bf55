// The known name most like a mistyped one, for error messages.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace nn {

std::string nearest_name(std::string_view name, std::span<const std::string> known);  // empty if none is known

}  // namespace nn
