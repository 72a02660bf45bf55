#include "experiments/common/run_folder.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <vector>

#include "engine/tensor/atomic_file.hpp"
#include "experiments/common/machine.hpp"
#include "experiments/common/progress.hpp"

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

// The lock ends with the process, whatever ends that.
std::shared_ptr<const void> locked(const std::filesystem::path& folder) {
  const int descriptor = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return nullptr;
  std::shared_ptr<const int> lock(new int(descriptor), [](const int* held) {
    close(*held);
    delete held;
  });
  if (flock(descriptor, LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno != EWOULDBLOCK) return nullptr;
  throw std::runtime_error("[out] " + folder.string() +
                           ": another run is writing into this folder; wait for its end, or give another --out.");
}

void remove_half_written(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> left;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == engine::kUnfinished) left.push_back(entry.path());
  }
  for (const std::filesystem::path& file : left) std::filesystem::remove(file);
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

RunFolder::RunFolder(std::filesystem::path path) : path_(std::move(path)) {
  std::error_code error;
  std::filesystem::create_directories(path_, error);
  if (error || !std::filesystem::is_directory(path_, error)) {
    throw std::runtime_error("[out] " + path_.string() + ": cannot make this folder" +
                             (error ? ": " + error.message() : std::string()) + ".");
  }
  if (access(path_.c_str(), W_OK | X_OK) != 0)
    throw std::runtime_error("[out] " + path_.string() + ": this folder cannot be written.");
  lock_ = locked(path_);
  if (lock_) remove_half_written(path_);
}

std::optional<Json> RunFolder::finished(const Json& fingerprint, const std::filesystem::path& weights) const {
  if (!weights.empty() && !std::filesystem::exists(weights)) return std::nullopt;
  if (!std::filesystem::exists(path_ / "manifest.json") || !std::filesystem::exists(path_ / "results.json"))
    return std::nullopt;
  try {
    if (read_json(path_ / "manifest.json").at("fingerprint") != fingerprint) return std::nullopt;
    return read_json(path_ / "results.json");
  } catch (const std::exception&) {
    return std::nullopt;  // a damaged note of an earlier run means only that the stage is run again
  }
}

std::optional<Json> RunFolder::already_done(const std::string& label, const Json& fingerprint,
                                            const std::filesystem::path& weights) const {
  std::optional<Json> results = finished(fingerprint, weights);
  if (results.has_value()) {
    say(label + ": already done in " + path_.string());
    std::filesystem::remove(path_ / kCheckpoint);
  }
  return results;
}

Json RunFolder::begin(std::string_view program, const Json& fingerprint, std::uint64_t seed, int threads,
                      const std::filesystem::path& weights) const {
  Json manifest{
      {"program", program},        {"version", kVersion},           {"command", command_line()}, {"seed", seed},
      {"threads", threads},        {"processor", processor_name()}, {"system", system_name()},   {"started", now_utc()},
      {"fingerprint", fingerprint}};
  if (finished(fingerprint, weights).has_value()) return manifest;
  std::filesystem::remove(path_ / "results.json");
  if (!weights.empty()) std::filesystem::remove(weights);
  write_json(path_ / "manifest.json", manifest);
  return manifest;
}

void RunFolder::finish(const Json& manifest, const Json& results) const {
  write_json(path_ / "manifest.json", manifest);
  write_json(path_ / "results.json", results);
}

}  // namespace experiments
