// The tables of a sweep: a line of means for each value, and below it one of deviations if there are several seeds.
#include <cstddef>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "experiments/arithmetic/scores.hpp"
#include "experiments/arithmetic/sweep.hpp"
#include "experiments/common/text_table.hpp"

namespace experiments {
namespace {

using Write = std::function<std::string(double)>;

std::string one_decimal(double value) { return decimals(value, 1); }

struct Column {
  std::string path;  // of a spread, below a row of the summary
  std::string name;
  Write write;
};

struct Group {
  std::string first;   // what stands above its first column; a group without that has no bar before it
  std::string second;  // above the second
  std::vector<Column> columns;
};

Group of_modes(const std::string& first, const std::string& second, const std::string& quantity, const Write& write) {
  Group group{first, second, {}};
  for (const std::string mode : kModes) group.columns.push_back({"/modes/" + mode + "/" + quantity, mode, write});
  return group;
}

Column paired(const std::string& quantity, const std::string& name, const Write& write) {
  return {"/linear_minus_standard/" + quantity, name, write};
}

class SweepTables {
 public:
  explicit SweepTables(const Json& results)
      : rows_(results.at("summary")),
        vary_(results.at("vary").get<std::string>()),
        seeds_(results.at("seeds").size()) {}

  std::string text(const std::vector<Group>& groups) {
    std::vector<std::size_t> bars;
    std::vector<std::string> above;
    std::vector<std::string> names;
    for (const Group& group : groups) {
      if (!group.first.empty()) bars.push_back(names.size());
      for (const Column& column : group.columns) names.push_back(column.name);
      above.push_back(group.first);
      if (group.columns.size() > 1) above.push_back(group.second);
      above.resize(names.size());
    }
    TextTable table(bars);
    if (!bars.empty()) table.row("", above);
    table.row(vary_, names);
    for (const Json& row : rows_) {
      table.row(written(row.at("value").get<double>()), cells(row, groups, "mean"));
      if (seeds_ > 1) table.row("  deviation", cells(row, groups, "deviation"));
    }
    return table.text();
  }

  bool some_are_missing() const { return some_are_missing_; }

 private:
  // A mean that is not of all seeds has a star.
  std::vector<std::string> cells(const Json& row, const std::vector<Group>& groups, const std::string& key) {
    std::vector<std::string> texts;
    for (const Group& group : groups) {
      for (const Column& column : group.columns) {
        const Json& spread = row.at(Json::json_pointer(column.path));
        const bool is_of_all = spread.is_null() || spread.at("seeds").get<std::size_t>() == seeds_;
        some_are_missing_ = some_are_missing_ || !is_of_all;
        texts.push_back(or_dash(spread.is_null() ? Json(nullptr) : spread.at(key), column.write) +
                        (key == "mean" && !is_of_all ? "*" : ""));
      }
    }
    return texts;
  }

  const Json& rows_;
  std::string vary_;
  std::size_t seeds_;
  bool some_are_missing_ = false;
};

}  // namespace

std::string sweep_table(const Json& results) {
  SweepTables tables(results);
  const std::size_t seeds = results.at("seeds").size();
  std::string text =
      "Against " + results.at("vary").get<std::string>() + ": test accuracy in percent, means over tasks";
  if (seeds > 1) text += "; mean and deviation over " + std::to_string(seeds) + " seeds";
  text += "\n" + tables.text({{"",
                               "",
                               {{"/zero_shot", "zero-shot", percent},
                                {"/final_loss", "loss", three_decimals},
                                {"/logit_scale", "scale", one_decimal},
                                {"/head_overlap", "overlap", three_decimals}}},
                              of_modes("single", "task", "single_task", percent),
                              of_modes("all tasks", "added", "absolute", percent)});
  text +=
      "\nGap closed, (added - zero-shot) / (single - zero-shot), in percent; disentanglement error xi, mean over "
      "pairs and over [0,1]^2\n" +
      tables.text({of_modes("gap", "closed", "gap_closed", percent),
                   of_modes("xi", "[0,1]^2", "xi_zero_to_one", three_decimals)});
  const auto control = results.at("control").get<std::string>();
  const bool knows_sums = results.at("summary").at(0).at("modes").at("standard").contains("validation_at_one");
  if (knows_sums) {  // not told by results of earlier days
    std::vector<Group> groups{of_modes("all added,", "alpha = 1", "validation_at_one", percent)};
    if (control != "none") groups.push_back(of_modes("control,", "all added", "control", percent));
    text += "\nThe sum of all with alpha = 1, on validation images" +
            std::string(control == "none" ? "" : "; the control (" + control + ") with the sum, alpha chosen") + "\n" +
            tables.text(groups);
  }
  if (control != "none") {
    text += "\nNegation: test accuracy in percent on the task whose vector is subtracted, and on the control (" +
            control + ")\n" +
            tables.text({of_modes("target", "", "negation_target", percent),
                         of_modes("control", "", "negation_control", percent)});
  }
  text += "\nLinear minus standard within each run: points of accuracy, and of xi\n" +
          tables.text({{"",
                        "",
                        {paired("absolute", "added", percent), paired("normalised", "normalised", percent),
                         paired("gap_closed", "gap closed", percent), paired("single_task", "single task", percent),
                         paired("negation_target", "negated", percent), paired("xi_at_one", "xi(1,1)", three_decimals),
                         paired("xi_zero_to_one", "xi [0,1]^2", three_decimals)}}});
  return text + "chance " + percent(results.at("summary").at(0).at("chance").at("mean").get<double>()) +
         ";  loss: of pre-training, its last hundredth;  scale: the learned factor on the logits;\n"
         "overlap: share of a task's class contrasts that lies among another's\n" +
         (tables.some_are_missing() ? "*: not of all seeds, as some have no such number (no gap to close)\n" : "") +
         about_cut(results);
}

}  // namespace experiments
