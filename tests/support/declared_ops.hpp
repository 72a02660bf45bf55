// The names of the ops that engine/ops/ops.hpp declares, overloads once: what a table of all ops is compared with, so that
// a new op cannot escape it.
#pragma once

#include <set>
#include <string>

namespace tests {

std::set<std::string> declared_ops();  // throws std::runtime_error if the header cannot be read

}  // namespace tests
