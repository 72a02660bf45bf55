// How and on what a result was computed, for manifests and benchmarks.
#pragma once

#include <string>

namespace experiments {

std::string processor_name();  // "unknown" where the system does not tell
std::string system_name();     // "Linux 6.1.0"
std::string quoted_for_shell(const std::string& word);
std::string command_line();  // of this process, as a shell takes it; empty where the system does not tell

}  // namespace experiments
