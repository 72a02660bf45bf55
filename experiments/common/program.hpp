// What every program shares: its options, and one place where exceptions become a message and an exit status.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "experiments/common/command_line.hpp"
#include "experiments/common/recipe.hpp"
#include "experiments/common/recipe_numbers.hpp"

namespace experiments {

struct CommonOptions {
  std::optional<std::uint64_t> seed;
  int threads = 0;  // 0: as many as this process may use
  std::filesystem::path out;
  std::filesystem::path data;  // folder of real data sets; empty: the built-in world only
  std::string preset = "quick";
  std::vector<std::function<void(Recipe&)>> changes;  // of the preset's recipe, from the command line or --config
};

// Where a program writes and looks unless told otherwise: <runs>/<place>, as `reproduce` has it below its --out.
std::filesystem::path default_out(const std::string& place);

// Adds --seed --threads --out --data --precision --check-finite --config. `place` is the default of --out.
void add_run_options(CommandLine& line, CommonOptions& options, const std::string& place);
// These, --preset, one option for each number of these parts of the recipe, and --save-every if they train. Who gives a number of
// another part is told that it does nothing here.
void add_common_options(CommandLine& line, CommonOptions& options, const std::string& place,
                        std::span<const Part> parts);
inline constexpr std::array kAllParts{Part::model,           Part::pretraining, Part::finetuning,
                                      Part::training_images, Part::validation,  Part::testing};
void add_shard_size_option(CommandLine& line, CommonOptions& options,
                           const std::string& heading = "Options");     // --shard-size, one of those
void add_precision_option(CommandLine& line);                           // one of them
void add_overwrite_option(CommandLine& line, const std::string& help);  // another
// The preset with what the user changed; `defaults` changes the preset before that.
Recipe chosen_recipe(const CommonOptions& options, const std::function<void(Recipe&)>& defaults = nullptr);

int thread_count(const CommonOptions& options);

// Parses the command line, runs `body`, and returns the exit status: 0, 1 for an error (one line on standard error), 2
// for a misused command line, 130 for a run that was stopped.
int run_program(CommandLine& line, int argc, char** argv, const std::function<void()>& body);

}  // namespace experiments
