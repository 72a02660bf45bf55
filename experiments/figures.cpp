// The figures and the report of a run that is done, drawn again from its results: nothing is computed anew.
#include <cstdio>
#include <filesystem>
#include <stdexcept>
#include <string>

#include "experiments/common/program.hpp"
#include "experiments/common/run_folder.hpp"
#include "experiments/report/gnuplot.hpp"
#include "experiments/report/report.hpp"

namespace experiments {
namespace {

void draw(const std::filesystem::path& run) {
  if (!std::filesystem::is_directory(run)) throw std::runtime_error("[figures] " + run.string() + ": no such folder.");
  if (!std::filesystem::exists(run / "results.json")) {
    throw std::runtime_error(
        "[figures] " + run.string() +
        ": no results.json in this folder; it is there when `reproduce`, or what else ran, has come to its end.");
  }
  if (!Gnuplot().is_there()) throw std::runtime_error("[figures] " + std::string(kNoGnuplot));
  const RunFolder folder(run);
  const Drawn drawn = write_report(folder.path());
  std::printf("figures: %d in %s\nreport:  %s\n", drawn.done, (folder / "figures").c_str(),
              (folder / "report.html").c_str());
  if (drawn.failed > 0) {
    throw std::runtime_error("[figures] " + std::to_string(drawn.failed) +
                             (drawn.failed == 1 ? " figure" : " figures") + " could not be drawn; see above.");
  }
}

}  // namespace
}  // namespace experiments

int main(int argc, char** argv) {
  using namespace experiments;
  CommandLine line(
      "Draws the figures of a run, from the results that `reproduce`, one of its experiments or `sweep` left in a "
      "folder: "
      "SVG\n"
      "files in its sub-folder `figures`, and report.html. Nothing is computed anew. Needs gnuplot.");
  std::filesystem::path run;
  line.option("folder", run, "The --out of that run").required();
  return run_program(line, argc, argv, [&] { draw(run); });
}
