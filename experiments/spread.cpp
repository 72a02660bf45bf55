// Mean and deviation over finished runs, of every number in their results.
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "experiments/common/program.hpp"
#include "experiments/common/run_folder.hpp"
#include "experiments/report/over_runs.hpp"

namespace experiments {
namespace {

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

}  // namespace
}  // namespace experiments

int main(int argc, char** argv) {
  using namespace experiments;
  CommandLine line(
      "Prints mean and deviation over several runs of each number in their results.json: runs of one program with "
      "several\n"
      "seeds, say. Averages over tasks and linear minus standard within each run stand beside what they are made of.");
  std::vector<std::string> folders;
  std::string only;
  line.option("folders", folders, "The --out of each run").required();
  line.option(
      "--only", only,
      "Only numbers whose path begins so, such as /addition/linear; lists of numbers, such as curves, then too");
  return run_program(line, argc, argv, [&] { std::printf("%s", over_runs_table(results_of(folders), only).c_str()); });
}
