// Recipe: every number that decides what an experiment computes, apart from the seed and the tasks. The presets are
// tried sizes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/normalisation.hpp"
#include "models/vit.hpp"

namespace experiments {

using Json = nlohmann::ordered_json;

struct PretrainRecipe {
  std::int64_t images_per_domain = 8000;  // of the web distribution; 0: nothing of a real set is kept for it
  std::int64_t steps = 3200;
  std::int64_t batch = 128;
  double lr = 1e-3;
  double beta2 = 0.98;
  double weight_decay = 0.05;
  std::int64_t warmup = 100;  // steps, unless a quarter of all are fewer
  double domain_only = 0.20;  // captions that name no class
  double wrong_class = 0.05;  // of the captions that name a class by its first word, those that name another class
  double alias = 0.08;        // captions that use the class's second, rarer word
  double wrong_alias = 0.70;  // of those, the share that names another class
};

std::int64_t warmup_steps(const PretrainRecipe& recipe);

struct FinetuneRecipe {
  std::int64_t train_images = 4000;
  std::int64_t validation_images = 250;
  std::int64_t test_images = 1000;
  std::int64_t steps = 80;
  std::int64_t batch = 128;
  double lr = 3e-4;
  double weight_decay = 0.1;                 // of θ, as the reference code has it
  double warmup_share = 0.1;                 // of the steps
  bool random_crop = false;                  // each epoch sees another view of each image (datasets/random_crop.hpp)
  std::vector<std::string> train_only = {};  // parts of names of the parameters that train (nn::ParamSubset); none: all
};

struct Recipe {
  models::VitConfig vit;
  PretrainRecipe pretrain;
  FinetuneRecipe finetune;
  datasets::Normalisation normalisation;  // of the images the model sees; like vit, that of the weights that are loaded
  std::int64_t shard_size = 16;           // images; part of what decides the bits
};

std::span<const std::string_view> preset_names();  // "smoke", "quick", "small"
std::size_t preset_index(std::string_view name);   // throws std::invalid_argument with the known names
Recipe preset(std::string_view name);              // throws likewise

// One of the three, by the name of a preset; throws likewise.
template <class T>
const T& of_preset(std::string_view name, const T& smoke, const T& quick, const T& small) {
  return *std::array{&smoke, &quick, &small}[preset_index(name)];
}

Json to_json(const models::VitConfig& config);
models::VitConfig vit_config_from_json(const Json& json);
Json to_json(const PretrainRecipe& recipe);
Json every_number(const FinetuneRecipe& recipe);
// The same, without random_crop and train_only where they are off: of earlier runs nothing tells them.
Json to_json(const FinetuneRecipe& recipe);
// Throws nlohmann's exceptions for what is missing or of another type, std::invalid_argument for a number that no recipe has.
FinetuneRecipe finetune_recipe_from_json(const Json& json);
Json arithmetic(const Recipe& recipe);  // what decides the last bits: the size of shards, the precision of products

}  // namespace experiments
