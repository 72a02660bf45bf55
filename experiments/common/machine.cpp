#include "experiments/common/machine.hpp"

#include <sys/utsname.h>

#include <fstream>

namespace experiments {

std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return "unknown";
}

std::string system_name() {
  utsname system{};
  uname(&system);
  return std::string(system.sysname) + " " + system.release;
}

}  // namespace experiments
