#include "experiments/common/run_folder.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <system_error>
#include <vector>

#include "engine/tensor/atomic_file.hpp"
#include "experiments/common/machine.hpp"
#include "experiments/common/progress.hpp"

namespace experiments {
namespace {

constexpr std::string_view kVersion = "0.1.0";

std::atomic<bool> overwrite{false};

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
  for (const std::filesystem::path& file : left)
    std::filesystem::remove_all(file);  // a folder that was being copied, too
}

// Nothing where there is no such file, or a damaged one.
std::optional<Json> readable_json(const std::filesystem::path& path) {
  try {
    if (std::filesystem::exists(path)) return read_json(path);
  } catch (const std::exception&) {  // a damaged note of an earlier run is none
  }
  return std::nullopt;
}

// What cannot be read holds none.
bool has_runs_below(const std::filesystem::path& folder) {
  std::error_code unreadable;
  using Everything = std::filesystem::recursive_directory_iterator;
  Everything at(folder, std::filesystem::directory_options::skip_permission_denied, unreadable);
  for (; !unreadable && at != Everything(); at.increment(unreadable)) {
    if (at.depth() > 0 && at->path().filename() == "manifest.json") return true;
  }
  return false;
}

const Json* member(const Json& object, const std::string& key) {
  const auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

std::string shown(const Json* value) {
  constexpr std::size_t kLongest = 80;
  if (value == nullptr) return "not noted";
  const std::string text = value->is_string() ? value->get<std::string>() : value->dump();
  return text.size() <= kLongest ? text : text.substr(0, kLongest) + "...";
}

}  // namespace

std::string first_difference(const Json* earlier, const Json* now, const std::string& name) {
  if (earlier != nullptr && now != nullptr) {
    if (*earlier == *now) return "";
    if (earlier->is_object() && now->is_object()) {
      const auto below = [&](const std::string& key) {
        return first_difference(member(*earlier, key), member(*now, key), name + (name.empty() ? "" : ".") + key);
      };
      for (const Json* const side : {now, earlier}) {
        for (const auto& [key, value] : side->items()) {
          if (std::string difference = below(key); !difference.empty()) return difference;
        }
      }
      return "";
    }
    if (earlier->is_array() && now->is_array() && earlier->size() == now->size()) {
      for (std::size_t i = 0; i < now->size(); ++i) {
        const Json& element = (*now)[i];
        const Json* const named = element.is_object() ? member(element, "name") : nullptr;
        const bool has_name = named != nullptr && named->is_string();
        const std::string label = has_name ? named->get<std::string>() : std::to_string(i);
        if (std::string below = first_difference(&(*earlier)[i], &element, name + "." + label); !below.empty())
          return below;
      }
    }
  }
  return name + ": " + shown(earlier) + ", now " + shown(now);
}

std::optional<Json> noted_manifest(const std::filesystem::path& folder) {
  std::optional<Json> manifest = readable_json(folder / "manifest.json");
  if (!manifest.has_value() || !manifest->contains("fingerprint")) return std::nullopt;
  return manifest;
}

void set_overwrite(bool allowed) noexcept { overwrite = allowed; }

void demand_free(const std::filesystem::path& out) {
  std::error_code special;  // a device, say: it is not empty
  if (overwrite || !std::filesystem::exists(out) || std::filesystem::is_empty(out, special)) return;
  throw std::runtime_error("[out] " + out.string() +
                           ": is there already; give another --out, or --overwrite if it is no input.");
}

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
  const std::optional<Json> manifest = noted_manifest(path_);
  if (!manifest.has_value() || manifest->at("fingerprint") != fingerprint) return std::nullopt;
  return readable_json(path_ / "results.json");
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

void RunFolder::make_room(const Json& manifest, const std::filesystem::path& weights) const {
  const std::optional<Json> earlier = noted_manifest(path_);
  const std::string difference = earlier.has_value()
                                     ? first_difference(&earlier->at("fingerprint"), &manifest.at("fingerprint"))
                                     : "its manifest.json cannot be read";
  if (difference.empty()) return;
  std::string found;
  if (readable_json(path_ / "results.json").has_value()) {
    found = "the finished results";
  } else if (std::filesystem::exists(path_ / kCheckpoint)) {
    found = "an unfinished run";
  } else if (!weights.empty() && std::filesystem::exists(weights)) {
    found = weights.filename().string();
  } else {
    return;
  }
  if (earlier.has_value() && earlier->value("program", Json()) != manifest.at("program")) {
    const Json* const program = member(*earlier, "program");
    throw std::runtime_error("[out] " + path_.string() + ": has " + found + " of another program, " + shown(program) +
                             "; give another --out.");
  }
  found += " of other options (" + difference + ")";
  if (!overwrite) {
    throw std::runtime_error(
        "[out] " + path_.string() + ": has " + found + "; give another --out, or --overwrite to replace that" +
        (has_runs_below(path_) ? "; finished runs below it stay if nothing of theirs differs." : "."));
  }
  say(path_.string() + ": replacing " + found);
  std::filesystem::remove(path_ / kCheckpoint);
}

Json RunFolder::begin(std::string_view program, const Json& fingerprint, std::uint64_t seed, int threads,
                      const std::filesystem::path& weights) const {
  Json manifest{
      {"program", program},        {"version", kVersion},           {"command", command_line()}, {"seed", seed},
      {"threads", threads},        {"processor", processor_name()}, {"system", system_name()},   {"started", now_utc()},
      {"fingerprint", fingerprint}};
  if (finished(fingerprint, weights).has_value()) return manifest;
  make_room(manifest, weights);
  std::filesystem::remove(path_ / "results.json");
  if (!weights.empty()) std::filesystem::remove(weights);
  write_json(path_ / "manifest.json", manifest);
  return manifest;
}

void RunFolder::finish(const Json& manifest, const Json& results) const {
  if (finished(manifest.at("fingerprint")) == results) return;
  write_json(path_ / "manifest.json", manifest);
  write_json(path_ / "results.json", results);
}

}  // namespace experiments
