// What the programs on task vectors share: their options, and the way from those to a stage.
#pragma once

#include <filesystem>
#include <functional>
#include <initializer_list>
#include <string>
#include <vector>

#include "experiments/arithmetic/task_vectors.hpp"
#include "experiments/common/pretrained_options.hpp"

namespace experiments {

struct TaskVectorOptions {
  CommonOptions common;
  std::vector<Part> parts;  // of the recipe that matter to the program
  std::vector<std::string> tasks;
  std::string control = "none";
  PretrainedOptions begin;
  std::filesystem::path finetuned;
};

// Adds the common options, of which `place` is for --out, with those parts of the recipe, --tasks, --finetuned and those of what it
// begins with; a program with a control task adds --control itself. Seed and recipe are by default those that the task vectors were
// made with.
void add_task_vector_options(CommandLine& line, TaskVectorOptions& options, const std::string& place,
                             std::initializer_list<Part> parts);

// `stage` computes or finds its results and returns the table to print.
using TaskVectorStage = std::function<std::string(const Context&, const TaskVectorInputs&, const RunFolder&)>;
int run_task_vector_program(CommandLine& line, int argc, char** argv, const TaskVectorOptions& options,
                            const TaskVectorStage& stage);

}  // namespace experiments
