// The folder a program writes into: manifest.json (what was run, how, where), results.json (what came out), and its
// weights.
//
// A stage is done when its manifest carries the fingerprint of what is asked for now and its results are there; then it
// is skipped. A run may be killed at any moment: whatever its files then are, the next run ends with the same results.
// What a run with other options has left is replaced only by a run that is told to.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

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

  // The results of an earlier run with this fingerprint, if it came to its end and its weights file is there.
  std::optional<Json> finished(const Json& fingerprint, const std::filesystem::path& weights = {}) const;
  // The same; says so, and removes the checkpoint of a run that was killed after it had written its last file.
  std::optional<Json> already_done(const std::string& label, const Json& fingerprint,
                                   const std::filesystem::path& weights = {}) const;
  // Notes in manifest.json what this run is about to compute. Throws std::runtime_error with the first option that differs
  // if results, a checkpoint or weights of another run are there; with set_overwrite(true) it removes them, saying so, unless another
  // program made them. Finished results with this fingerprint are those of this run; they stay, with their own
  // manifest, until finish() replaces both. Returns the manifest for that.
  [[nodiscard]] Json begin(std::string_view program, const Json& fingerprint, std::uint64_t seed, int threads,
                           const std::filesystem::path& weights = {}) const;
  // Writes both, unless these very results are there: then the manifest goes on telling of the run that computed them.
  void finish(const Json& manifest, const Json& results) const;

 private:
  void make_room(const Json& manifest, const std::filesystem::path& weights) const;

  std::filesystem::path path_;
  std::shared_ptr<const void> lock_;  // null where there are no locks
};

// Of the run whose results lie in the folder, or which was to make some; none if it has none that can be read.
std::optional<Json> noted_manifest(const std::filesystem::path& folder);

// "finetune.steps: 80, now 100", of the first value in which the two differ; null is a value that is not there. Empty if they
// are alike. `name` is theirs.
std::string first_difference(const Json* earlier, const Json* now, const std::string& name = {});

void set_overwrite(bool allowed) noexcept;  // of what runs with other options have left, in every folder
// For what writes no run: throws std::runtime_error if a file, or a folder with something in it, is there and may not be
// overwritten.
void demand_free(const std::filesystem::path& out);

inline constexpr std::string_view kCheckpoint = "checkpoint.safetensors";  // of a stage that trains, until it is done

Json read_json(const std::filesystem::path& path);  // throws std::runtime_error naming the file and the place
void write_json(const std::filesystem::path& path, const Json& json);

}  // namespace experiments
