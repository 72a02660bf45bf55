#include "tests/support/declared_ops.hpp"

#include <fstream>
#include <stdexcept>

namespace tests {

std::set<std::string> declared_ops() {
  const std::string path = TANGENT_GOLDEN_DIR "/../../engine/ops/ops.hpp";
  std::ifstream header(path);
  std::set<std::string> names;
  for (std::string line; std::getline(header, line);) {
    const std::size_t bracket = line.find('(');
    if (line.starts_with("Var ") && bracket != std::string::npos) names.insert(line.substr(4, bracket - 4));
  }
  if (names.empty()) throw std::runtime_error("[declared_ops] " + path + " declares no op.");
  return names;
}

}  // namespace tests
