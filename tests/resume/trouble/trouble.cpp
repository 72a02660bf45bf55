// For LD_PRELOAD: trouble with one file. Of the first write to a file whose path begins with $TROUBLE_FILE one half
// succeeds, as on a disk that fills up; then, as $TROUBLE says, every later one fails with ENOSPC ("full"), or the process is
// killed ("kill").
#include <dlfcn.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

bool is_in_trouble(int descriptor) {
  const char* const file = std::getenv("TROUBLE_FILE");
  if (file == nullptr) return false;
  char path[4096];
  const ssize_t length = readlink(("/proc/self/fd/" + std::to_string(descriptor)).c_str(), path, sizeof(path));
  return length > 0 && std::string_view(path, static_cast<std::size_t>(length)).starts_with(file);
}

}  // namespace

extern "C" ssize_t write(int descriptor, const void* bytes, size_t count) {
  using Write = ssize_t (*)(int, const void*, size_t);
  static const Write next = reinterpret_cast<Write>(dlsym(RTLD_NEXT, "write"));
  static std::atomic<bool> full{false};
  if (!is_in_trouble(descriptor)) return next(descriptor, bytes, count);
  if (full.exchange(true) || count < 2) {
    errno = ENOSPC;
    return -1;
  }
  const ssize_t half = next(descriptor, bytes, count / 2);
  const char* const kind = std::getenv("TROUBLE");
  if (kind != nullptr && std::string_view(kind) == "kill") raise(SIGKILL);
  return half;
}
