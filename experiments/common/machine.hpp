// What a result was computed on, for manifests and benchmarks.
#pragma once

#include <string>

namespace experiments {

std::string processor_name();  // "unknown" where the system does not tell
std::string system_name();     // "Linux 6.1.0"

}  // namespace experiments
