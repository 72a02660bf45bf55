// The numbers of a recipe that a user may change, by name: options of the programs that they matter to, and what `sweep` varies.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "experiments/common/recipe.hpp"

namespace experiments {

// Of the work, that a number decides.
enum class Part { model, pretraining, finetuning, training_images, validation, testing };
bool is_among(Part part, std::span<const Part> parts);

inline constexpr double kLargestRecipeNumber = 1e3;  // of those that are not whole

struct RecipeNumber {
  Part part;
  std::string_view name;  // of its option, without the dashes
  std::string_view help;
  std::variant<std::int64_t* (*)(Recipe&), double* (*)(Recipe&)> in;  // where it stands in a recipe
  double least = 1.0;                                                 // as of every whole number
  double most = kLargestRecipeNumber;                                 // of those that are not whole; of a share 1

  bool is_whole() const noexcept { return in.index() == 0; }
  double get(Recipe recipe) const;
  // Throws std::invalid_argument if it is too small or too large, or a fraction where a whole number is needed.
  void set(Recipe& recipe, double value) const;
};

std::span<const RecipeNumber> recipe_numbers();            // in the order of the help
const RecipeNumber& recipe_number(std::string_view name);  // throws std::invalid_argument with the known names

}  // namespace experiments
