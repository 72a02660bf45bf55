// The folder a program writes into: manifest.json (what was run, how, where), results.json (what came out), and its
// weights.
//
// A stage is done when its manifest carries the fingerprint of what is asked for now and its results are there; then it
// is skipped. A run may be killed at any moment: whatever its files then are, the next run ends with the same results.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "experiments/common/recipe.hpp"

namespace experiments {

class RunFolder {
 public:
  // Makes the folder, keeps other runs out of it for as long as this object or a copy lives, and removes what a killed
  // run left half-written. Throws std::runtime_error naming it and the cause if it cannot be made or written, or if
  // another run writes into it. Where the file system has no locks (some network disks) nobody is kept out.
  explicit RunFolder(std::filesystem::path path);
  const std::filesystem::path& path() const noexcept { return path_; }
  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

  // The results of an earlier run with this fingerprint, if it came to its end.
  std::optional<Json> finished(const Json& fingerprint) const;
  // Removes the results and the weights file of another run, and notes what this one is about to compute.
  void begin(std::string_view program, const Json& fingerprint, std::uint64_t seed, int threads,
             const std::filesystem::path& weights = {}) const;
  void finish(const Json& results) const;

 private:
  std::filesystem::path path_;
  std::shared_ptr<const void> lock_;  // null where there are no locks
};

Json read_json(const std::filesystem::path& path);  // throws std::runtime_error naming the file and the place
void write_json(const std::filesystem::path& path, const Json& json);

}  // namespace experiments
