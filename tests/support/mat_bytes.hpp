// MATLAB 5 files piece by piece, for tests that need one which no writer would make (datasets/mat_file.hpp).
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>

namespace tests {

std::string mat_element(std::uint32_t type, const std::string& data);
// A matrix of class `kind`; `content` is what follows its name.
std::string mat_matrix(std::uint32_t kind, std::initializer_list<std::uint32_t> extents, const std::string& name,
                       const std::string& content);
std::string mat_packed(const std::string& element);
std::string mat_file(const std::string& elements);

}  // namespace tests
