// A directory of its own for a test that writes files; it is gone, with all in it, at the end of the scope.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace tests {

class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::filesystem::path& path() const noexcept { return path_; }
  // Writes a file of the given name and bytes and returns its path.
  std::filesystem::path file(std::string_view name, std::string_view bytes) const;
  std::size_t file_count() const;

 private:
  std::filesystem::path path_;
};

std::string bytes_of_file(const std::filesystem::path& path);

// While it lives, this process writes as someone with no rights (when it is root), so that permissions count in tests
// too.
class WithoutRootRights {
 public:
  WithoutRootRights();
  ~WithoutRootRights();
  WithoutRootRights(const WithoutRootRights&) = delete;
  WithoutRootRights& operator=(const WithoutRootRights&) = delete;
};

// While it lives, no file can grow beyond `bytes`: writing fails as on a full disk.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(unsigned long bytes);
  ~FileSizeLimit();
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  unsigned long old_limit_;
  void (*old_handler_)(int);
};

}  // namespace tests
