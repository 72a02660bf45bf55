#include "experiments/report/over_runs.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string_view>
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

// Of the numbers that all parts have.
Numbers averages(const std::vector<Numbers>& parts) {
  if (parts.size() < 2) return {};
  std::map<std::string, std::vector<double>> values;
  for (const Numbers& part : parts) {
    for (const auto& [path, value] : part) values[path].push_back(value);
  }
  Numbers found;
  for (const auto& [path, value] : parts.front()) {
    if (values.at(path).size() == parts.size()) found.emplace_back(" average" + path, mean(values.at(path)));
  }
  return found;
}

// linear − standard of the numbers that both have.
Numbers differences(const Numbers& standard, const Numbers& linear) {
  const std::map<std::string, double> of_standard(standard.begin(), standard.end());
  Numbers found;
  for (const auto& [path, value] : linear) {
    if (of_standard.contains(path)) found.emplace_back(path + " linear - standard", value - of_standard.at(path));
  }
  return found;
}

// In which the parts of a list differ: over iterations of a solver, values of a sweep and sizes of sums nothing is averaged.
constexpr std::array<std::string_view, 3> kApart{"iteration", "value", "size"};

bool is_result(const std::string& key, const Json& value, const Json& in) {
  const bool is_count = value.is_number_integer() && std::ranges::find(kApart, key) == kApart.end();
  const bool is_time = key.ends_with("seconds") || key.ends_with("per_second");
  const bool is_of_mean = key != "mean" && in.contains("mean") && in.contains("deviation");  // what it is the mean of
  return !is_count && !is_time && !is_of_mean;
}

// The numbers in `at` by their paths from there, with averages and differences beside them: all of them, or results alone.
Numbers numbers_in(const Json& at, bool all, std::vector<std::string> tasks = {}) {
  if (at.is_number()) return {{"", at.get<double>()}};
  if (!at.is_structured()) return {};
  const bool is_list = at.is_array() && !at.empty();
  const bool has_parts = is_list && at.front().is_object();
  const auto parts_have = [&](std::string_view key) { return has_parts && at.front().contains(key); };
  if (is_list && !all && (!has_parts || parts_have("iteration"))) return {};
  if (at.is_object() && at.contains("tasks")) tasks = tasks_of(at);
  Numbers found;
  const auto add = [&found](const Numbers& more) { found.insert(found.end(), more.begin(), more.end()); };
  std::vector<Numbers> parts;  // in the order of the list
  std::map<std::string, Numbers> by_key;
  for (const auto& [key, value] : at.items()) {
    if (!all && !is_result(key, value, at)) continue;
    parts.push_back(numbers_in(value, all, tasks));
    for (const auto& [path, number] : parts.back()) found.emplace_back("/" + key + path, number);
    by_key[key] = parts.back();
  }
  const auto has = [&](const std::string& key) { return by_key.contains(key); };
  if (has_parts && std::ranges::none_of(kApart, parts_have)) {
    const Numbers average = averages(parts);
    if (!all && !average.empty()) return average;
    add(average);
  }
  if (at.is_object() && at.size() == tasks.size() && std::ranges::all_of(tasks, has)) {
    parts.clear();
    for (const std::string& task : tasks) parts.push_back(by_key.at(task));
    add(averages(parts));
  }
  if (at.is_object() && has("standard") && has("linear")) add(differences(by_key.at("standard"), by_key.at("linear")));
  return found;
}

// Where the results begin, "a, b, c".
std::string first_levels(const Json& results) {
  std::string names;
  for (const auto& [key, value] : results.items()) {
    if (!numbers_in(value, true).empty()) names += (names.empty() ? "" : ", ") + key;
  }
  return names;
}

std::string short_number(double value) {
  constexpr double kExact = 1e9;
  char text[32];
  const bool is_whole = std::abs(value) < kExact && std::floor(value) == value;
  std::snprintf(text, sizeof(text), is_whole ? "%.0f" : "%.4g", value);
  return text;
}

}  // namespace

std::string over_runs_table(const std::vector<Json>& runs, const std::string& only) {
  const std::string beginning = only.empty() || only.starts_with("/") ? only : "/" + only;
  std::vector<std::string> paths;  // as they come
  std::map<std::string, std::map<std::size_t, double>> values;
  for (std::size_t run = 0; run < runs.size(); ++run) {
    for (const auto& [path, value] : numbers_in(runs[run], !only.empty())) {
      if (!path.starts_with(beginning)) continue;
      if (!values.contains(path)) paths.push_back(path);
      values[path][run] = value;
    }
  }
  if (paths.empty())
    throw std::invalid_argument("[spread] no number in the results has a path that begins with '" + only +
                                "'; they begin with: " + first_levels(runs.front()) + ".");
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
