// Mean and deviation over finished runs, of every result.
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "experiments/common/program.hpp"
#include "experiments/common/progress.hpp"
#include "experiments/common/run_folder.hpp"
#include "experiments/report/over_runs.hpp"

namespace experiments {
namespace {

// What a run depends on, but for its seed and the weights that come of that.
Json beside_seed(const Json& manifest) {
  Json fingerprint = manifest.at("fingerprint");
  for (const char* const of_seed : {"seed", "seeds", "pretrained", "task_vectors", "adam"}) fingerprint.erase(of_seed);
  if (fingerprint.contains("settings")) fingerprint.at("settings").erase("solved");
  return fingerprint;
}

// The first one in these folders' manifests, or in those of the runs of which they are stages; empty if there is none.
std::string difference_beside_seed(const std::filesystem::path& first, const std::filesystem::path& other) {
  const std::optional<Json> of_first = noted_manifest(first);
  const std::optional<Json> of_other = noted_manifest(other);
  if (first == other || !of_first || !of_other) return "";
  const Json settings = beside_seed(*of_first);
  const Json others = beside_seed(*of_other);
  const std::string difference = first_difference(&settings, &others);
  return difference.empty() ? difference_beside_seed(first.parent_path(), other.parent_path()) : difference;
}

// Of runs of one program, each once.
std::vector<Json> results_of(const std::vector<std::string>& folders) {
  if (folders.size() < 2) throw std::invalid_argument("[spread] needs two runs at least; one has no spread.");
  std::vector<Json> runs;
  std::string program;
  std::set<std::filesystem::path> seen;
  for (const std::string& folder : folders) {
    const std::filesystem::path file = std::filesystem::path(folder) / "results.json";
    if (!std::filesystem::exists(file))
      throw std::runtime_error("[spread] " + file.string() + ": no such file; it is there when a run is done.");
    if (!seen.insert(std::filesystem::canonical(folder)).second)
      throw std::invalid_argument("[spread] " + folder + ": is given twice.");
    const std::optional<Json> manifest = noted_manifest(folder);
    if (!manifest) throw std::runtime_error("[spread] " + folder + ": has no manifest.json that tells what made it.");
    const std::string made_by = manifest->value("program", Json()).dump();
    if (program.empty()) program = made_by;
    if (made_by != program)
      throw std::invalid_argument("[spread] " + folder + ": is of " + made_by + ", the first of " + program + ".");
    runs.push_back(read_json(file));
  }
  return runs;
}

void list_runs(const std::vector<std::string>& folders) {
  std::vector<Json> seeds;
  for (std::size_t i = 0; i < folders.size(); ++i) {
    const Json manifest = noted_manifest(folders[i]).value();
    const Json seed = manifest.at("fingerprint").value("seeds", manifest.value("seed", Json()));
    std::printf("run %zu  %s  seed %s\n", i + 1, folders[i].c_str(), seed.dump().c_str());
    for (std::size_t earlier = 0; earlier < i; ++earlier) {
      if (seeds[earlier] == seed)
        say("spread: runs " + std::to_string(earlier + 1) + " and " + std::to_string(i + 1) + " have the same seed");
    }
    seeds.push_back(seed);
    const std::string difference =
        difference_beside_seed(std::filesystem::canonical(folders[0]), std::filesystem::canonical(folders[i]));
    if (!difference.empty())
      say("spread: runs 1 and " + std::to_string(i + 1) + " differ in more than the seed: " + difference);
  }
}

}  // namespace
}  // namespace experiments

int main(int argc, char** argv) {
  using namespace experiments;
  CommandLine line(
      "Prints mean and deviation over several runs of each result in their results.json: runs of one program with\n"
      "several seeds, say; it warns of other differences in their manifests. Averages over tasks and linear minus\n"
      "standard within each run stand beside what they are made of.");
  std::vector<std::string> folders;
  std::string only;
  line.option("folders", folders, "The --out of each run").required();
  line.option("--only", only,
              "Only numbers whose path begins so, such as addition/linear; counts, times, curves and each part of a "
              "list then too");
  return run_program(line, argc, argv, [&] {
    const std::string table = over_runs_table(results_of(folders), only);
    list_runs(folders);
    std::printf("\n%s", table.c_str());
  });
}
