// Mean and deviation, over runs that differ in their seed, of every result.
#pragma once

#include <string>
#include <vector>

#include "experiments/common/recipe.hpp"

namespace experiments {

// A row for each result: mean, deviation (of the sample) and what each run has. Beside what has a part for each task stands the
// average of those, and in place of a list of parts their average; beside what has `standard` and `linear`, their difference within
// each run, whose spread is smaller than theirs. Whole numbers (counts, seeds), times, lists of numbers, curves, and of means
// that a run has taken itself all but the mean are no results. With `only`, rows are for all numbers whose path, as
// /addition/linear/absolute, begins so, with or without its first slash: for those and for each part of a list too, matched by
// its place. Throws std::invalid_argument if there is no such number.
std::string over_runs_table(const std::vector<Json>& runs, const std::string& only);

}  // namespace experiments
