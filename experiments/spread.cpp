// Mean and deviation over finished runs, of every number in their results.
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "experiments/common/program.hpp"
#include "experiments/common/run_folder.hpp"
#include "experiments/report/over_runs.hpp"

int main(int argc, char** argv) {
  using namespace experiments;
  CommandLine line(
      "Prints mean and deviation over several runs of each number in their results.json: runs of one program with "
      "several\n"
      "seeds, say. Averages over tasks and linear minus standard within each run stand beside what they are made of.");
  std::vector<std::string> folders;
  std::string only;
  line.option("folders", folders, "The --out of each run").required();
  line.option("--only", only, "Only numbers whose path begins so, such as /addition/linear");
  return run_program(line, argc, argv, [&] {
    if (folders.size() < 2) throw std::invalid_argument("[spread] needs two runs at least; one has no spread.");
    std::vector<Json> runs;
    for (const std::string& folder : folders) {
      const std::filesystem::path file = std::filesystem::path(folder) / "results.json";
      if (!std::filesystem::exists(file))
        throw std::runtime_error("[spread] " + file.string() + ": no such file; it is there when a run is done.");
      runs.push_back(read_json(file));
    }
    std::printf("%s", over_runs_table(runs, only).c_str());
  });
}
