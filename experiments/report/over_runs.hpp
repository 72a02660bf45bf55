// Mean and deviation, over runs that differ in their seed, of every number in their results.
#pragma once

#include <string>
#include <vector>

#include "experiments/common/recipe.hpp"

namespace experiments {

// A row for each number whose path, as /addition/linear/absolute, begins with `only`, with or without its first slash: mean, deviation (of the sample) and what each
// run has. Beside what has a part for each task, or is a list of parts, stands the average of those; beside what has
// `standard` and `linear`, their difference within each run, whose spread is smaller than theirs. Elements of lists are matched
// by their place; lists of numbers, such as curves, are shown only if `only` is given. Throws std::invalid_argument if
// there is no such number.
std::string over_runs_table(const std::vector<Json>& runs, const std::string& only);

}  // namespace experiments
