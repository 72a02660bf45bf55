#include "experiments/report/over_runs.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "experiments/arithmetic/scores.hpp"
#include "experiments/common/text_table.hpp"

namespace experiments {
namespace {

using Numbers = std::vector<std::pair<std::string, double>>;  // by their paths, in the order of the results

std::vector<std::string> tasks_of(const Json& object) {
  const Json& tasks = object.at("tasks");
  const bool are_names =
      tasks.is_array() && std::ranges::all_of(tasks, [](const Json& name) { return name.is_string(); });
  return are_names ? tasks.get<std::vector<std::string>>() : std::vector<std::string>();
}

// What has one part for each task, or for each element of a list of parts: those parts. None if it is nothing of that kind.
std::vector<Json> parts_alike(const Json& at, const std::vector<std::string>& tasks) {
  std::vector<Json> parts;
  if (at.is_array()) return at.get<std::vector<Json>>();
  if (at.size() != tasks.size()) return parts;
  for (const std::string& task : tasks) {
    if (!at.contains(task)) return {};
    parts.push_back(at.at(task));
  }
  return parts;
}

class Gathering {
 public:
  explicit Gathering(bool with_lists) : with_lists_(with_lists) {}

  // All numbers below `at`, with averages and differences beside them.
  Numbers numbers(const Json& at, const std::string& path, std::vector<std::string> tasks = {}) const {
    Numbers found;
    const auto add = [&](const Numbers& more) { found.insert(found.end(), more.begin(), more.end()); };
    if (at.is_number()) return {{path, at.get<double>()}};
    if (!at.is_structured()) return {};
    const bool is_list = at.is_array() && !at.empty() && !at.front().is_object();
    if (is_list && !with_lists_) return {};
    if (at.is_object() && at.contains("tasks")) tasks = tasks_of(at);
    for (const auto& [key, value] : at.items()) add(numbers(value, path + "/" + key, tasks));
    if (!is_list) add(averages(parts_alike(at, tasks), path, tasks));
    if (at.is_object() && at.contains("standard") && at.contains("linear")) add(differences(at, path, tasks));
    return found;
  }

 private:
  // Of the numbers that all parts have.
  Numbers averages(const std::vector<Json>& parts, const std::string& path,
                   const std::vector<std::string>& tasks) const {
    if (parts.size() < 2) return {};
    std::map<std::string, std::vector<double>> values;
    for (const Json& part : parts) {
      for (const auto& [below, value] : numbers(part, "", tasks)) values[below].push_back(value);
    }
    Numbers found;
    for (const auto& [below, value] : numbers(parts.front(), "", tasks)) {
      if (values.at(below).size() == parts.size())
        found.emplace_back(path + " average" + below, mean(values.at(below)));
    }
    return found;
  }

  // linear − standard of the numbers that both have.
  Numbers differences(const Json& modes, const std::string& path, const std::vector<std::string>& tasks) const {
    std::map<std::string, double> of_standard;
    for (const auto& [below, value] : numbers(modes.at("standard"), "", tasks)) of_standard[below] = value;
    Numbers found;
    for (const auto& [below, value] : numbers(modes.at("linear"), "", tasks)) {
      if (of_standard.contains(below))
        found.emplace_back(path + below + " linear - standard", value - of_standard.at(below));
    }
    return found;
  }

  bool with_lists_;
};

std::string short_number(double value) {
  constexpr double kExact = 1e9;
  char text[32];
  const bool is_whole = std::abs(value) < kExact && std::floor(value) == value;
  std::snprintf(text, sizeof(text), is_whole ? "%.0f" : "%.4g", value);
  return text;
}

}  // namespace

std::string over_runs_table(const std::vector<Json>& runs, const std::string& only) {
  std::vector<std::string> paths;  // as they come
  std::map<std::string, std::map<std::size_t, double>> values;
  for (std::size_t run = 0; run < runs.size(); ++run) {
    for (const auto& [path, value] : Gathering(!only.empty()).numbers(runs[run], "")) {
      if (!path.starts_with(only)) continue;
      if (!values.contains(path)) paths.push_back(path);
      values[path][run] = value;
    }
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
