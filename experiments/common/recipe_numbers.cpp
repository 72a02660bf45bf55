#include "experiments/common/recipe_numbers.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>

#include "experiments/common/command_line.hpp"
#include "experiments/common/text_table.hpp"

namespace experiments {
namespace {

constexpr std::array kNumbers{
    RecipeNumber{Part::pretraining, "pretrain-steps", "Steps of pre-training",
                 [](Recipe& r) { return &r.pretrain.steps; }},
    RecipeNumber{Part::pretraining, "images-per-domain", "Web images of each task for pre-training",
                 [](Recipe& r) { return &r.pretrain.images_per_domain; }},
    RecipeNumber{Part::pretraining, "pretrain-lr", "Learning rate of pre-training",
                 [](Recipe& r) { return &r.pretrain.lr; }, kAboveZero},
    RecipeNumber{Part::pretraining, "domain-only", "Share of captions that name no class",
                 [](Recipe& r) { return &r.pretrain.domain_only; }, 0.0, 1.0},
    RecipeNumber{Part::pretraining, "alias",
                 "Share of captions with a class's second, rarer word, which zero-shot uses",
                 [](Recipe& r) { return &r.pretrain.alias; }, 0.0, 1.0},
    RecipeNumber{Part::pretraining, "wrong-alias", "Of those, the share that names another class",
                 [](Recipe& r) { return &r.pretrain.wrong_alias; }, 0.0, 1.0},
    RecipeNumber{Part::pretraining, "wrong-class", "Of the captions with neither, the share that names another class",
                 [](Recipe& r) { return &r.pretrain.wrong_class; }, 0.0, 1.0},
    RecipeNumber{Part::finetuning, "finetune-steps", "Steps of fine-tuning",
                 [](Recipe& r) { return &r.finetune.steps; }},
    RecipeNumber{Part::finetuning, "batch", "Images of a step of fine-tuning",
                 [](Recipe& r) { return &r.finetune.batch; }},
    RecipeNumber{Part::finetuning, "finetune-lr", "Learning rate of fine-tuning, the same in both modes",
                 [](Recipe& r) { return &r.finetune.lr; }, kAboveZero},
    RecipeNumber{Part::finetuning, "weight-decay", "Weight decay of fine-tuning",
                 [](Recipe& r) { return &r.finetune.weight_decay; }, 0.0},
    RecipeNumber{Part::training_images, "train-images", "Images of each task for fine-tuning",
                 [](Recipe& r) { return &r.finetune.train_images; }},
    RecipeNumber{Part::validation, "validation-images", "Images of each task for choosing alpha",
                 [](Recipe& r) { return &r.finetune.validation_images; }},
    RecipeNumber{Part::testing, "test-images", "Images of each task for the reported accuracies",
                 [](Recipe& r) { return &r.finetune.test_images; }},
    RecipeNumber{Part::model, "width", "Width of the vision transformer", [](Recipe& r) { return &r.vit.width; }},
    RecipeNumber{Part::model, "depth", "Its number of blocks", [](Recipe& r) { return &r.vit.depth; }},
    RecipeNumber{Part::model, "heads", "Its attention heads", [](Recipe& r) { return &r.vit.heads; }},
    RecipeNumber{Part::model, "patch", "Its patch size in pixels", [](Recipe& r) { return &r.vit.patch; }},
    RecipeNumber{Part::model, "embedding",
                 "Extent of image features and word vectors; the fewer, the more the tasks' heads overlap",
                 [](Recipe& r) { return &r.vit.embedding; }},
};

}  // namespace

bool is_among(Part part, std::span<const Part> parts) { return std::ranges::find(parts, part) != parts.end(); }

double RecipeNumber::get(Recipe recipe) const {
  return std::visit([&recipe](auto number) { return static_cast<double>(*number(recipe)); }, in);
}

void RecipeNumber::set(Recipe& recipe, double value) const {
  const double high = is_whole() ? static_cast<double>(kLargestCount) : most;
  if (!(value >= least && value <= high) || (is_whole() && std::floor(value) != value)) {
    throw std::invalid_argument("[recipe] --" + std::string(name) + " takes " + range_text(least, high, is_whole()) +
                                "; arrived " + written(value) + ".");
  }
  if (is_whole()) {
    *std::get<0>(in)(recipe) = static_cast<std::int64_t>(value);
  } else {
    *std::get<1>(in)(recipe) = value;
  }
}

std::span<const RecipeNumber> recipe_numbers() { return kNumbers; }

const RecipeNumber& recipe_number(std::string_view name) {
  std::string known;
  for (const RecipeNumber& number : kNumbers) {
    if (number.name == name) return number;
    known += (known.empty() ? "" : ", ") + std::string(number.name);
  }
  throw std::invalid_argument("[recipe] no number '" + std::string(name) + "'; there are " + known + ".");
}

}  // namespace experiments
