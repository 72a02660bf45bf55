// What every program shares: its options, and one place where exceptions become a message and an exit status.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "experiments/common/command_line.hpp"
#include "experiments/common/recipe.hpp"

namespace experiments {

struct CommonOptions {
  std::uint64_t seed = 0;
  int threads = 0;  // 0: as many as this process may use
  std::filesystem::path out = "runs";
  std::filesystem::path data;  // folder of real data sets; empty: the built-in world only
  std::string preset = "quick";
};

// Adds --seed --threads --out --data --preset --precision --check-finite --save-every --config.
void add_common_options(CommandLine& line, CommonOptions& options);
void add_precision_option(CommandLine& line);  // one of them

// Changes to a preset's recipe from the command line or --config; unset ones leave it as it is.
struct RecipeOptions {
  std::optional<std::int64_t> pretrain_steps, images_per_domain, finetune_steps, train_images, validation_images,
      test_images;
  std::optional<std::int64_t> width, depth, heads, patch, shard_size;
  std::optional<double> pretrain_lr, finetune_lr, weight_decay;
  bool random_crop = false;
};
void add_recipe_options(CommandLine& line, RecipeOptions& options);
Recipe chosen_recipe(const CommonOptions& common, const RecipeOptions& changes);

int thread_count(const CommonOptions& options);

// Parses the command line, runs `body`, and returns the exit status: 0, 1 for an error (one line on standard error), 2
// for a misused command line, 130 for a run that was stopped.
int run_program(CommandLine& line, int argc, char** argv, const std::function<void()>& body);

}  // namespace experiments
