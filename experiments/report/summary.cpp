#include "experiments/report/summary.hpp"

#include <functional>
#include <nlohmann/json.hpp>
#include <vector>

#include "experiments/arithmetic/disentanglement.hpp"
#include "experiments/arithmetic/scores.hpp"
#include "experiments/common/text_table.hpp"

namespace experiments {
namespace {

using OfMode = std::function<Json(const std::string& mode)>;  // null: there is none

std::string kernel_line(const Json& kernels) {
  std::string line;
  for (const auto& [point, name] : {std::pair("random", "random weights"), std::pair("pretrained", "pre-trained")}) {
    line += (line.empty() ? "" : ", ") +
            decimals(kernels.at(point).at("cosine").at("across_over_same").get<double>(), 2) + " (" + name + ")";
  }
  return "kernel cosine of two tasks over that of one: " + line + "\n";
}

}  // namespace

std::string summary_table(const Json& results) {
  TextTable table;
  std::vector<std::string> heading;
  for (const char* mode : kModes) heading.emplace_back(mode);
  table.row("", heading);
  bool is_empty = true;
  const auto row = [&](const std::string& name, const OfMode& value, const auto& write) {
    std::vector<std::string> cells;
    for (const char* mode : kModes) cells.push_back(or_dash(value(mode), write));
    table.row(name, cells);
    is_empty = false;
  };
  if (results.contains("task_addition")) {
    const Json& of = results.at("task_addition");
    const auto added = [&](const std::string& mode) -> const Json& { return of.at("addition").at(mode); };
    row(
        "single task", [&](const std::string& mode) { return average(of.at("single_task").at(mode)); }, percent);
    row(
        "all added", [&](const std::string& mode) { return added(mode).at("absolute"); }, percent);
    row(
        "  gap closed", [&](const std::string& mode) { return added(mode).at("gap_closed"); }, percent);
    row(
        "  alpha = 1 (validation)",
        [&](const std::string& mode) { return added(mode).at("curve").at("absolute").back(); }, percent);
  }
  if (results.contains("task_negation")) {
    const Json& of = results.at("task_negation").at("negation");
    for (const auto& [name, key] : {std::pair("negated: the task", "target"), std::pair("  the control", "control")})
      row(
          name, [&, key = key](const std::string& mode) { return average(of.at(mode).at(key)); }, percent);
  }
  if (results.contains("disentanglement")) {
    const Json& maps = results.at("disentanglement");
    row(
        "xi over [0,1]^2", [&](const std::string& mode) { return mean_over_pairs(maps, mode, "mean_zero_to_one"); },
        three_decimals);
    row(
        "  light share of the map", [&](const std::string& mode) { return mean_over_pairs(maps, mode, "light_share"); },
        percent);
  }
  const bool has_kernel = results.contains("ntk_localization");
  if (is_empty && !has_kernel) return "";
  return "In short, means over tasks or pairs of tasks\n" + (is_empty ? "" : table.text()) +
         (has_kernel ? kernel_line(results.at("ntk_localization").at("kernels")) : "");
}

}  // namespace experiments
