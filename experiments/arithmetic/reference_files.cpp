#include "experiments/arithmetic/reference_files.hpp"

#include <nlohmann/json.hpp>

#include "experiments/arithmetic/scores.hpp"
#include "experiments/common/run_folder.hpp"

namespace experiments {
namespace {

// "additions" of mode linear is in linear_additions.json; the standard mode has no prefix.
std::string file_name(const std::string& mode, const std::string& what) {
  return (mode == "standard" ? "" : mode + "_") + what + ".json";
}

}  // namespace

void write_reference_accuracies(const std::filesystem::path& folder, const Json& results) {
  const RunFolder files(folder);
  const auto with_validation = [&](const Json& test, const Json& validation) {
    Json map;
    for (const Json& name : results.at("tasks")) {
      const std::string task = name.get<std::string>();
      map[task] = test.at(task);
      map[task + "Val"] = validation.at(task);
    }
    return map;
  };
  write_json(files / "zeroshot_accuracies.json",
             with_validation(results.at("zero_shot"), results.at("zero_shot_validation")));
  for (const char* mode : kModes) {
    write_json(files / file_name(mode, "ft_accuracies"),
               with_validation(results.at("single_task").at(mode), results.at("single_task_validation").at(mode)));
  }
}

}  // namespace experiments
