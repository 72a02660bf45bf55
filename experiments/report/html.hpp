// Text that goes into a page.
#pragma once

#include <string>
#include <string_view>

namespace experiments {

// As it must stand between tags or in quotes to be shown as it is.
std::string escaped(std::string_view text);

}  // namespace experiments
