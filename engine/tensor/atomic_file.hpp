// A file that appears complete or not at all: it is written under a temporary name in the same directory, forced to the
// disk and then renamed over the old one. Whatever fails on the way (no permission, a full disk, an exception of the
// caller), the temporary is removed and the old file stays as it was.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace engine {

// How temporary names end. One is left behind only by a process that was killed; nobody reads it.
inline constexpr std::string_view kUnfinished = ".unfinished";

class AtomicFile {
 public:
  // `where` opens the messages: "[where] path: what failed". All members throw std::runtime_error naming the file and
  // the system's reason; the constructor also if `path` is a directory or a device, which must never be replaced.
  explicit AtomicFile(std::filesystem::path path, std::string where = "write_file");
  ~AtomicFile();  // removes the temporary unless committed
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::span<const std::byte> bytes);
  void commit();  // nothing may be written after it

 private:
  [[noreturn]] void fail(int error) const;

  std::filesystem::path path_;
  std::filesystem::path temporary_;  // empty when there is nothing to remove
  std::string where_;
  int descriptor_ = -1;
};

// Replaces the file by `text`; throws as AtomicFile does.
void write_text_file(const std::filesystem::path& path, std::string_view text);

}  // namespace engine
