#include "experiments/report/over_runs.hpp"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "experiments/arithmetic/scores.hpp"
#include "experiments/common/text_table.hpp"

namespace experiments {
namespace {

using Visit = std::function<void(const std::string& path, double value)>;

// All numbers of one run, by their paths.
class Gathering {
 public:
  Gathering(std::string only, Visit visit) : only_(std::move(only)), visit_(std::move(visit)) {}

  void gather(const Json& at, const std::string& path, std::vector<std::string> tasks = {}) const {
    if (at.is_number()) {
      if (path.starts_with(only_)) visit_(path, at.get<double>());
    } else if (at.is_array()) {
      const bool is_list_of_numbers = !at.empty() && !at.front().is_object();
      if (is_list_of_numbers && !only_.starts_with(path)) return;
      for (std::size_t i = 0; i < at.size(); ++i) gather(at[i], path + "/" + std::to_string(i), tasks);
    } else if (at.is_object()) {
      if (at.contains("tasks") && at.at("tasks").is_array()) tasks = at.at("tasks").get<std::vector<std::string>>();
      for (const auto& [key, value] : at.items()) gather(value, path + "/" + key, tasks);
      if (has_one_for_each(at, tasks)) gather(average(at), path + " average");
      if (at.contains("standard") && at.contains("linear")) compare(at, path, tasks);
    }
  }

 private:
  static bool has_one_for_each(const Json& map, const std::vector<std::string>& tasks) {
    return tasks.size() > 1 && map.size() == tasks.size() && std::ranges::all_of(tasks, [&](const std::string& task) {
             return map.contains(task) && map.at(task).is_number();
           });
  }

  // linear − standard of the numbers that both have.
  void compare(const Json& modes, const std::string& path, const std::vector<std::string>& tasks) const {
    std::map<std::string, double> of_standard;
    const Gathering standard("", [&](const std::string& below, double value) { of_standard[below] = value; });
    standard.gather(modes.at("standard"), "", tasks);
    const Gathering linear("", [&](const std::string& below, double value) {
      if (of_standard.contains(below)) gather(value - of_standard.at(below), path + below + " linear - standard");
    });
    linear.gather(modes.at("linear"), "", tasks);
  }

  std::string only_;
  Visit visit_;
};

std::string short_number(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.4g", value);
  return text;
}

}  // namespace

std::string over_runs_table(const std::vector<Json>& runs, const std::string& only) {
  std::vector<std::string> paths;  // as they come
  std::map<std::string, std::map<std::size_t, double>> values;
  for (std::size_t run = 0; run < runs.size(); ++run) {
    const Gathering gathering(only, [&](const std::string& path, double value) {
      if (!values.contains(path)) paths.push_back(path);
      values[path][run] = value;
    });
    gathering.gather(runs[run], "");
  }
  if (paths.empty())
    throw std::invalid_argument("[spread] no number in the results has a path that begins with '" + only + "'.");
  TextTable table({0, 2});
  std::vector<std::string> heading{"mean", "+-"};
  for (std::size_t run = 0; run < runs.size(); ++run) heading.push_back("run " + std::to_string(run + 1));
  table.row("", heading);
  for (const std::string& path : paths) {
    const std::map<std::size_t, double>& of = values.at(path);
    std::vector<double> numbers;
    std::vector<std::string> each;
    for (std::size_t run = 0; run < runs.size(); ++run) {
      each.push_back(of.contains(run) ? short_number(of.at(run)) : "-");
      if (of.contains(run)) numbers.push_back(of.at(run));
    }
    const Spread over = spread(numbers);
    each.insert(each.begin(), {short_number(over.mean), numbers.size() > 1 ? short_number(over.deviation) : "-"});
    table.row(path, each);
  }
  return table.text();
}

}  // namespace experiments
