// Task addition as a stage: task vectors read from files, skipped when its results are there.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "experiments/arithmetic/addition.hpp"
#include "experiments/common/run_folder.hpp"

namespace experiments {

// Where the fine-tuned weights of a task lie below `finetuned`: <mode>/<task>.
std::filesystem::path finetuned_folder(const std::filesystem::path& finetuned, std::string_view mode,
                                       const std::string& task);

// `sources` are the tasks, and the control if there is one (`control` names it, or is "none").
Json addition_stage(const Context& context, const Pretrained& pretrained, const std::vector<TaskSource>& sources,
                    const std::string& control, const std::filesystem::path& finetuned, const RunFolder& folder);

}  // namespace experiments
