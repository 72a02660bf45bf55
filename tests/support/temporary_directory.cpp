// Privileges and limits are those of POSIX; both come back with the end of the scope.
#include "tests/support/temporary_directory.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace tests {
namespace {

constexpr ::uid_t kNobody = 65534;

void set_limit(const unsigned long bytes) {
  ::rlimit limit{};
  ::getrlimit(RLIMIT_FSIZE, &limit);
  limit.rlim_cur = bytes;
  if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) throw std::runtime_error("setrlimit failed");
}

unsigned long current_limit() {
  ::rlimit limit{};
  ::getrlimit(RLIMIT_FSIZE, &limit);
  return limit.rlim_cur;
}

}  // namespace

TemporaryDirectory::TemporaryDirectory() {
  std::string name = (std::filesystem::temp_directory_path() / "tangent_test_XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make a directory like " + name);
  path_ = name;
  std::filesystem::permissions(path_, std::filesystem::perms(0755));
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::filesystem::path TemporaryDirectory::file(const std::string_view name, const std::string_view bytes) const {
  const std::filesystem::path path = path_ / name;
  std::ofstream stream(path, std::ios::binary);
  stream.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  stream.close();
  if (!stream) throw std::runtime_error("cannot write " + path.string());
  return path;
}

std::size_t TemporaryDirectory::file_count() const {
  const std::filesystem::directory_iterator files(path_);
  return static_cast<std::size_t>(std::distance(begin(files), end(files)));
}

std::string bytes_of_file(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) throw std::runtime_error("cannot read " + path.string());
  return {std::istreambuf_iterator<char>(stream), {}};
}

WithoutRootRights::WithoutRootRights() {
  if (::geteuid() == 0 && ::seteuid(kNobody) != 0) throw std::runtime_error("cannot give up root rights");
}

WithoutRootRights::~WithoutRootRights() {
  if (::getuid() == 0 && ::seteuid(0) != 0) std::abort();
}

FileSizeLimit::FileSizeLimit(const unsigned long bytes)
    : old_limit_(current_limit()), old_handler_(std::signal(SIGXFSZ, SIG_IGN)) {
  set_limit(bytes);
}

FileSizeLimit::~FileSizeLimit() {
  set_limit(old_limit_);
  std::signal(SIGXFSZ, old_handler_);
}

}  // namespace tests
