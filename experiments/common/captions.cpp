#include "experiments/common/captions.hpp"

#include <stdexcept>
#include <string_view>

#include "experiments/common/text_table.hpp"

namespace experiments {
namespace {

constexpr std::string_view kSlot = "{class}";

// A class other than `label`, each equally likely.
std::int64_t another(std::int64_t label, std::int64_t classes, engine::Random& random) {
  return classes > 1 ? (label + 1 + random.index(classes - 1)) % classes : label;
}

std::vector<std::vector<std::string>> prompts_of(const std::vector<std::string>& templates,
                                                 const std::vector<std::string>& words) {
  std::vector<std::vector<std::string>> prompts;
  for (const std::string& word : words) {
    std::vector<std::string> captions;
    for (const std::string& pattern : templates) captions.push_back(caption(pattern, word));
    prompts.push_back(std::move(captions));
  }
  return prompts;
}

}  // namespace

std::string caption(const std::string& pattern, const std::string& word) {
  std::string text = pattern;
  const std::size_t slot = text.find(kSlot);
  if (slot != std::string::npos) text.replace(slot, kSlot.size(), word);
  return text;
}

std::string web_caption(const datasets::TaskText& text, std::int64_t label, const PretrainRecipe& recipe,
                        engine::Random& random) {
  const std::string& pattern =
      text.templates[static_cast<std::size_t>(random.index(static_cast<std::int64_t>(text.templates.size())))];
  const std::int64_t classes = static_cast<std::int64_t>(text.class_names.size());
  const double kind = random.uniform();
  const bool wrong_alias = random.chance(recipe.wrong_alias);
  const bool wrong_class = random.chance(recipe.wrong_class);
  const std::int64_t other = another(label, classes, random);
  if (kind < recipe.domain_only) return caption(pattern, "");
  if (kind < recipe.domain_only + recipe.alias)
    return caption(pattern, text.aliases[static_cast<std::size_t>(wrong_alias ? other : label)]);
  return caption(pattern, text.class_names[static_cast<std::size_t>(wrong_class ? other : label)]);
}

void check_captions(const PretrainRecipe& recipe) {
  if (recipe.domain_only + recipe.alias > 1.0) {
    throw std::invalid_argument("[recipe] --domain-only " + written(recipe.domain_only) + " and --alias " +
                                written(recipe.alias) + " are shares of the same captions: together at most 1.");
  }
}

std::vector<std::vector<std::string>> zero_shot_prompts(const datasets::TaskText& text) {
  return prompts_of(text.templates, text.aliases);
}

std::vector<std::vector<std::string>> plain_prompts(const datasets::TaskText& text) {
  return prompts_of(text.plain_templates.empty() ? text.templates : text.plain_templates, plain_names(text));
}

const std::vector<std::string>& plain_names(const datasets::TaskText& text) {
  return text.plain_names.empty() ? text.class_names : text.plain_names;
}

}  // namespace experiments
