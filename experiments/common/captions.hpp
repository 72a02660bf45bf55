// Words for images: the noisy captions pre-training sees, and the prompts zero-shot heads are made of.
//
// The prompts use the classes' second, rarer words, whose captions are few and mostly wrong. That is what leaves room
// between zero-shot and fine-tuned accuracy while the image features are good (docs/world.md).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "datasets/dataset.hpp"
#include "datasets/task_text.hpp"
#include "engine/tensor/random.hpp"
#include "experiments/common/recipe.hpp"

namespace experiments {

// The template with a class word put in.
std::string caption(const std::string& pattern, const std::string& word);

// One caption for an image of class `label`: sometimes of the domain only, sometimes wrong, now and then by the rarer
// word.
std::string web_caption(const datasets::TaskText& text, std::int64_t label, const PretrainRecipe& recipe,
                        engine::Random& random);

// Throws std::invalid_argument if the recipe's kinds of captions are more than all of them.
void check_captions(const PretrainRecipe& recipe);

// prompts[c]: every template with class c's second word.
std::vector<std::vector<std::string>> zero_shot_prompts(const datasets::TaskText& text);

// prompts[c]: every plain template with what people call class c, for a text encoder that knows language.
std::vector<std::vector<std::string>> plain_prompts(const datasets::TaskText& text);
const std::vector<std::string>& plain_names(const datasets::TaskText& text);  // those, also to show to people

}  // namespace experiments
