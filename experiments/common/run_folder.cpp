#include "experiments/common/run_folder.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <system_error>

#include "engine/tensor/atomic_file.hpp"
#include "experiments/common/machine.hpp"

namespace experiments {
namespace {

constexpr std::string_view kVersion = "0.1.0";

std::string now_utc() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

// An open file, which holds its lock until it is closed.
class LockFile {
 public:
  explicit LockFile(int descriptor) : descriptor_(descriptor) {}
  ~LockFile() { ::close(descriptor_); }
  LockFile(const LockFile&) = delete;
  LockFile& operator=(const LockFile&) = delete;

 private:
  int descriptor_;
};

// What the holder of the lock left there: its process id. It may just be writing it.
std::string holder(int descriptor) {
  std::array<char, 32> text{};
  const ::ssize_t count = ::pread(descriptor, text.data(), text.size(), 0);
  const std::string id(text.data(), count > 0 ? static_cast<std::size_t>(count) : 0);
  return id.empty() || id.find_first_not_of("0123456789") != std::string::npos ? "" : " (process " + id + ")";
}

std::shared_ptr<const void> lock(const std::filesystem::path& folder) {
  const std::filesystem::path file = folder / ".lock";
  const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor < 0) {
    throw std::runtime_error("[out] " + file.string() +
                             ": cannot be opened: " + std::generic_category().message(errno) + ".");
  }
  auto held = std::make_shared<const LockFile>(descriptor);
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) {
      throw std::runtime_error("[out] " + folder.string() + ": another run" + holder(descriptor) +
                               " is writing into this folder; wait for it, or choose another --out.");
    }
    return nullptr;  // a file system without locks: nobody can be refused there
  }
  const std::string id = std::to_string(::getpid());
  if (::ftruncate(descriptor, 0) == 0) (void)!::pwrite(descriptor, id.data(), id.size(), 0);  // only for the message
  return held;
}

}  // namespace

Json read_json(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("[json] " + path.string() + ": cannot be read.");
  try {
    return Json::parse(file);
  } catch (const nlohmann::json::exception& error) {
    throw std::runtime_error("[json] " + path.string() + ": " + error.what() + ".");
  }
}

void write_json(const std::filesystem::path& path, const Json& json) {
  engine::write_text_file(path, json.dump(2) + "\n");
}

void make_folder(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error || !std::filesystem::is_directory(path, error)) {
    throw std::runtime_error("[out] " + path.string() + ": cannot make this folder" +
                             (error ? ": " + error.message() : std::string()) + ".");
  }
  if (access(path.c_str(), W_OK | X_OK) != 0)
    throw std::runtime_error("[out] " + path.string() + ": this folder cannot be written.");
}

RunFolder::RunFolder(std::filesystem::path path) : path_(std::move(path)) {
  make_folder(path_);
  lock_ = lock(path_);
}

std::optional<Json> RunFolder::finished(const Json& fingerprint) const {
  if (!std::filesystem::exists(path_ / "manifest.json") || !std::filesystem::exists(path_ / "results.json"))
    return std::nullopt;
  try {
    if (read_json(path_ / "manifest.json").at("fingerprint") != fingerprint) return std::nullopt;
    return read_json(path_ / "results.json");
  } catch (const std::exception&) {
    return std::nullopt;  // a damaged note of an earlier run means only that the stage is run again
  }
}

void RunFolder::begin(std::string_view program, const Json& fingerprint, std::uint64_t seed, int threads,
                      const std::filesystem::path& weights) const {
  std::filesystem::remove(path_ / "results.json");
  if (!weights.empty()) std::filesystem::remove(weights);
  write_json(path_ / "manifest.json", {{"program", program},
                                       {"version", kVersion},
                                       {"seed", seed},
                                       {"threads", threads},
                                       {"processor", processor_name()},
                                       {"system", system_name()},
                                       {"started", now_utc()},
                                       {"fingerprint", fingerprint}});
}

void RunFolder::finish(const Json& results) const { write_json(path_ / "results.json", results); }

}  // namespace experiments
