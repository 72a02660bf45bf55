// Errors are part of the interface: what went wrong with which file, on one line.
#pragma once

#include <functional>
#include <string>

namespace tests {

// Fails the test unless `action` throws std::runtime_error with one line of reasonable length that starts with
// `beginning` and holds `fragment`.
void check_error(const std::function<void()>& action, const std::string& beginning, const std::string& fragment);

}  // namespace tests
