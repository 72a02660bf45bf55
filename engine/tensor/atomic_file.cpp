// POSIX calls instead of std::ofstream: only they tell why a write failed, and only they can force data to the disk.
#include "engine/tensor/atomic_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>

namespace engine {
namespace {

std::string_view advice(const int error) noexcept {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return "create the folder first";
    case EACCES:
    case EPERM:
    case EROFS:
      return "choose a folder you may write to";
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return "free some space or choose another disk";
    default:
      return "choose another place, or try again";
  }
}

// Unique among processes by the process id, within one by the counter.
std::filesystem::path temporary_name(const std::filesystem::path& path) {
  static std::atomic<unsigned> counter{0};
  std::filesystem::path name = path;
  name += "." + std::to_string(::getpid()) + "-" + std::to_string(counter.fetch_add(1)) + std::string(kUnfinished);
  return name;
}

// So that the rename itself survives a power cut. The file is complete either way, hence no error here.
void sync_directory_of(const std::filesystem::path& path) noexcept {
  const std::filesystem::path parent = path.parent_path();
  const int directory = ::open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return;
  ::fsync(directory);
  ::close(directory);
}

}  // namespace

AtomicFile::AtomicFile(std::filesystem::path path, std::string where)
    : path_(std::move(path)), where_(std::move(where)) {
  std::error_code ignored;
  if (std::filesystem::is_symlink(path_, ignored)) {  // replace the file a link leads to, not the link
    const std::filesystem::path target = std::filesystem::canonical(path_, ignored);
    if (!ignored) path_ = target;
  }
  const std::filesystem::file_status status = std::filesystem::status(path_, ignored);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    throw std::runtime_error("[" + where_ + "] " + path_.string() + ": cannot be written: it is a " +
                             (std::filesystem::is_directory(status) ? "directory" : "device") +
                             "; give the name of a file.");
  }
  if (!path_.has_filename()) {
    throw std::runtime_error("[" + where_ + "] '" + path_.string() + "' names no file; give the name of a file.");
  }
  do {  // a name may be left over from a killed process that had our id
    temporary_ = temporary_name(path_);
    descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  } while (descriptor_ < 0 && errno == EEXIST);
  if (descriptor_ < 0) {
    const int error = errno;
    temporary_.clear();
    fail(error);
  }
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ::ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail(errno);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

void AtomicFile::commit() {
  if (::fsync(descriptor_) != 0) fail(errno);
  if (::close(std::exchange(descriptor_, -1)) != 0) fail(errno);  // some file systems report a full disk only here
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail(errno);
  temporary_.clear();
  sync_directory_of(path_);
}

void AtomicFile::fail(const int error) const {
  throw std::runtime_error("[" + where_ + "] " + path_.string() + ": cannot be written: " +
                           std::generic_category().message(error) + "; " + std::string(advice(error)) + ".");
}

void write_text_file(const std::filesystem::path& path, const std::string_view text) {
  AtomicFile file(path);
  file.write(std::as_bytes(std::span(text)));
  file.commit();
}

}  // namespace engine
