// What a whole run found, in a few lines: each mode's means, and what says whether the kernel keeps tasks apart.
#pragma once

#include <string>

#include "experiments/common/recipe.hpp"

namespace experiments {

// Of the results of `reproduce`: a row for each experiment that they hold. Empty if they hold none of those.
std::string summary_table(const Json& results);

}  // namespace experiments
