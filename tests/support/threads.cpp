#include "tests/support/threads.hpp"

#include <chrono>
#include <filesystem>
#include <iterator>
#include <thread>

namespace tests {

std::ptrdiff_t running_threads() {
  const std::filesystem::directory_iterator tasks("/proc/self/task");
  return std::distance(begin(tasks), end(tasks));
}

bool threads_fall_to(std::ptrdiff_t count) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (running_threads() > count && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  return running_threads() <= count;
}

}  // namespace tests
