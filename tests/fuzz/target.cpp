#include "tests/fuzz/target.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

namespace fuzz {

Bytes bytes_of(const std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

Folder::Folder() {
  std::string name = (std::filesystem::temp_directory_path() / "fuzz-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) fail("cannot make the folder " + name);
  path_ = std::filesystem::canonical(name);
}

void Folder::write(const std::string_view name, const Bytes bytes) const {
  const std::filesystem::path file = path_ / name;
  int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (descriptor < 0) {
    std::filesystem::create_directories(file.parent_path());
    descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  }
  if (descriptor < 0 || ::write(descriptor, bytes.data(), bytes.size()) != static_cast<::ssize_t>(bytes.size())) {
    fail("cannot write " + file.string());
  }
  ::close(descriptor);
}

void attempt(const std::string_view name, const std::function<void()>& reader) {
  std::string message;
  try {
    reader();
    return;
  } catch (const std::runtime_error& error) {
    message = error.what();
  } catch (const std::exception& error) {
    fail(std::string("no std::runtime_error, but: ") + error.what());
  }
  const bool one_line = std::ranges::none_of(message, [](const char c) { return static_cast<unsigned char>(c) < ' '; });
  if (!message.starts_with('[') || message.find(name) == std::string::npos || !one_line) {
    fail("the message is not one line that names the file: " + message);
  }
}

void read_images(const Folder& folder, const datasets::Dataset& set) {
  constexpr std::int64_t kMost = 2;  // at either end
  std::vector<float> chw(static_cast<std::size_t>(3 * set.image_size() * set.image_size()));
  for (std::int64_t i = 0; i < set.size(); ++i) {
    if (i == kMost) i = std::max(i, set.size() - kMost);
    if (set.label(i) < 0 || set.label(i) >= static_cast<std::int64_t>(set.class_names().size())) fail("a false label");
    attempt(folder.path().string(), [&] { set.read_image(i, chw); });
    if (!std::ranges::all_of(chw, [](const float x) { return x >= 0.0f && x <= 1.0f; })) fail("a false pixel");
  }
}

void fail(const std::string_view problem) {
  std::fprintf(stderr, "fuzz target: %.*s\n", static_cast<int>(problem.size()), problem.data());
  std::abort();
}

}  // namespace fuzz
