#include "experiments/arithmetic/reference_files.hpp"

#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "experiments/arithmetic/scores.hpp"
#include "experiments/common/run_folder.hpp"

namespace experiments {
namespace {

// "additions" of mode linear is in linear_additions.json; the standard mode has no prefix.
std::string file_name(const std::string& mode, const std::string& what) {
  return (mode == "standard" ? "" : mode + "_") + what + ".json";
}

// α as its files spell it: what Python prints for numpy.linspace(0, 1, n)[i], "0.15000000000000002".
std::string alpha_key(std::size_t i, std::size_t n) {
  const double step = 1.0 / static_cast<double>(n - 1);
  return Json(i == n - 1 ? 1.0 : static_cast<double>(i) * step).dump();
}

std::vector<std::string> task_names(const Json& results) { return results.at("tasks").get<std::vector<std::string>>(); }

// Accuracies at one α; `suffix` is "Val" for those on validation images.
Json addition_entry(const std::vector<std::string>& tasks, const std::string& suffix, const Json& added,
                    const Json& single) {
  Json entry;
  std::vector<double> absolute;
  std::vector<double> of_single;
  for (const std::string& task : tasks) {
    absolute.push_back(added.at(task).get<double>());
    of_single.push_back(single.at(task).get<double>());
    entry[task + suffix + ":top1"] = absolute.back();
    entry[task + suffix + ":normalized_top1"] =
        or_null(normalised(std::span(absolute).last(1), std::span(of_single).last(1)));
  }
  entry["avg_normalized_top1"] = or_null(normalised(absolute, of_single));
  entry["avg_top1"] = mean(absolute);
  return entry;
}

}  // namespace

void write_reference_accuracies(const std::filesystem::path& folder, const Json& results) {
  const RunFolder files(folder);
  const auto with_validation = [&](const Json& test, const Json& validation) {
    Json map;
    for (const std::string& task : task_names(results)) {
      map[task] = test.at(task);
      map[task + "Val"] = validation.at(task);
    }
    return map;
  };
  write_json(files / "zeroshot_accuracies.json",
             with_validation(results.at("zero_shot"), results.at("zero_shot_validation")));
  for (const char* mode : modes_in(results.at("single_task"))) {
    write_json(files / file_name(mode, "ft_accuracies"),
               with_validation(results.at("single_task").at(mode), results.at("single_task_validation").at(mode)));
  }
}

void write_reference_additions(const std::filesystem::path& folder, const Json& results) {
  const RunFolder files(folder);
  const std::vector<std::string> tasks = task_names(results);
  const std::size_t n = results.at("alpha_grid").size();
  for (const char* mode : modes_in(results.at("addition"))) {
    const Json& addition = results.at("addition").at(mode);
    Json json{{"test", addition_entry(tasks, "", addition.at("per_task"), results.at("single_task").at(mode))}};
    for (std::size_t i = 0; i < n; ++i) {
      Json added;
      for (const std::string& task : tasks) added[task] = addition.at("validation_per_task").at(task)[i];
      json["val"][alpha_key(i, n)] = addition_entry(tasks, "Val", added, results.at("single_task_validation").at(mode));
    }
    write_json(files / file_name(mode, "additions"), json);
  }
}

void write_reference_negations(const std::filesystem::path& folder, const Json& results) {
  const RunFolder files(folder);
  const std::string control = results.at("control").at("task").get<std::string>();
  const std::size_t n = results.at("alpha_grid").size();
  for (const char* mode : modes_in(results.at("negation"))) {
    const Json& negation = results.at("negation").at(mode);
    Json json;
    for (const std::string& task : task_names(results)) {
      const Json& curves = negation.at("validation").at(task);
      json[task] = {{"test", negation.at("target").at(task)}, {"test_control", negation.at("control").at(task)}};
      for (std::size_t i = 0; i < n; ++i) {
        json[task]["val"][alpha_key(i, n)] = {{task + "Val:top1", curves.at("target")[i]},
                                              {control + "Val:top1", curves.at("control")[i]}};
      }
    }
    write_json(files / file_name(mode, "negations"), json);
  }
}

}  // namespace experiments
