#include "experiments/common/recipe.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>

#include "engine/parallel/precision.hpp"
#include "experiments/common/command_line.hpp"
#include "experiments/common/recipe_numbers.hpp"
#include "models/activation_names.hpp"

namespace experiments {
namespace {

constexpr std::array<std::string_view, 3> kPresets{"smoke", "quick", "small"};

Recipe smoke() {  // seconds: shows that every part works, not that it learns
  Recipe recipe;
  recipe.vit = {.image_size = 32, .patch = 8, .width = 32, .depth = 1, .heads = 2, .mlp_ratio = 2.0, .embedding = 32};
  recipe.pretrain.images_per_domain = 96;
  recipe.pretrain.steps = 12;
  recipe.pretrain.batch = 64;
  recipe.pretrain.warmup = 2;
  recipe.finetune = {.train_images = 96, .validation_images = 48, .test_images = 64, .steps = 6, .batch = 32};
  return recipe;
}

Recipe quick() { return {}; }  // a few minutes on two cores

Recipe small() {  // an hour and a quarter on two cores
  Recipe recipe;
  recipe.vit.width = 128;
  recipe.vit.depth = 4;
  recipe.vit.heads = 4;
  recipe.pretrain.images_per_domain = 16000;
  recipe.pretrain.steps = 12000;
  recipe.pretrain.batch = 256;
  recipe.pretrain.warmup = 200;
  recipe.finetune.steps = 200;
  recipe.finetune.validation_images = 500;
  return recipe;
}

}  // namespace

std::int64_t warmup_steps(const PretrainRecipe& recipe) { return std::min(recipe.warmup, recipe.steps / 4); }

std::span<const std::string_view> preset_names() { return kPresets; }

std::size_t preset_index(std::string_view name) {
  const auto found = std::ranges::find(kPresets, name);
  if (found == std::end(kPresets))
    throw std::invalid_argument("[preset] no preset '" + std::string(name) + "'; there are smoke, quick and small.");
  return static_cast<std::size_t>(found - std::begin(kPresets));
}

Recipe preset(std::string_view name) { return of_preset(name, smoke(), quick(), small()); }

Json to_json(const models::VitConfig& c) {
  return {{"image_size", c.image_size},
          {"patch", c.patch},
          {"width", c.width},
          {"depth", c.depth},
          {"heads", c.heads},
          {"mlp_ratio", c.mlp_ratio},
          {"activation", models::to_string(c.activation)},
          {"ln_pre", c.ln_pre},
          {"embedding", c.embedding}};
}

models::VitConfig vit_config_from_json(const Json& json) {
  models::VitConfig c;
  c.image_size = json.at("image_size").get<std::int64_t>();
  c.patch = json.at("patch").get<std::int64_t>();
  c.width = json.at("width").get<std::int64_t>();
  c.depth = json.at("depth").get<std::int64_t>();
  c.heads = json.at("heads").get<std::int64_t>();
  c.mlp_ratio = json.at("mlp_ratio").get<double>();
  const std::string name = json.at("activation").get<std::string>();
  const std::optional<engine::Activation> activation = models::find_activation(name);
  if (!activation) throw std::invalid_argument("[vit] unknown activation '" + name + "'.");
  c.activation = *activation;
  c.ln_pre = json.at("ln_pre").get<bool>();
  c.embedding = json.at("embedding").get<std::int64_t>();
  return c;
}

Json to_json(const PretrainRecipe& r) {
  return {{"images_per_domain", r.images_per_domain},
          {"steps", r.steps},
          {"batch", r.batch},
          {"lr", r.lr},
          {"beta2", r.beta2},
          {"weight_decay", r.weight_decay},
          {"warmup", warmup_steps(r)},
          {"domain_only", r.domain_only},
          {"wrong_class", r.wrong_class},
          {"alias", r.alias},
          {"wrong_alias", r.wrong_alias}};
}

Json every_number(const FinetuneRecipe& r) {
  return {{"train_images", r.train_images},
          {"validation_images", r.validation_images},
          {"test_images", r.test_images},
          {"steps", r.steps},
          {"batch", r.batch},
          {"lr", r.lr},
          {"weight_decay", r.weight_decay},
          {"warmup_share", r.warmup_share},
          {"random_crop", r.random_crop},
          {"train_only", r.train_only}};
}

Json to_json(const FinetuneRecipe& r) {
  Json json = every_number(r);
  if (!r.random_crop) json.erase("random_crop");
  if (r.train_only.empty()) json.erase("train_only");
  return json;
}

FinetuneRecipe finetune_recipe_from_json(const Json& json) {
  const auto refuse = [&](const char* key) {
    throw std::invalid_argument("its " + std::string(key) + " is " + json.at(key).dump());
  };
  const auto count = [&](const char* key) {
    if (!json.at(key).is_number_integer() || json.at(key) < 1 || json.at(key) > kLargestCount) refuse(key);
    return json.at(key).get<std::int64_t>();
  };
  const auto share = [&](const char* key, double largest) {
    if (!(json.at(key) >= 0.0 && json.at(key) <= largest)) refuse(key);
    return json.at(key).get<double>();
  };
  return {.train_images = count("train_images"),
          .validation_images = count("validation_images"),
          .test_images = count("test_images"),
          .steps = count("steps"),
          .batch = count("batch"),
          .lr = share("lr", kLargestRecipeNumber),
          .weight_decay = share("weight_decay", kLargestRecipeNumber),
          .warmup_share = share("warmup_share", 1.0),
          .random_crop = json.value("random_crop", false),
          .train_only = json.value("train_only", std::vector<std::string>())};
}

Json arithmetic(const Recipe& recipe) {
  return {{"shard_size", recipe.shard_size}, {"precision", to_string(engine::precision())}};
}

}  // namespace experiments
