// What is known about published sets besides their files: where they lie, what their classes are called in captions,
// and the prompts CLIP is asked with [github.com/openai/CLIP, data/prompts.md; the reference code,
// src/datasets/templates.py].
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/normalisation.hpp"

namespace datasets {

struct KnownSet {
  std::string name;
  std::vector<std::string> folders;    // below the data folder; the first with files is taken
  std::string domain;                  // two content words for captions: "handwritten numeral"
  std::vector<std::string> templates;  // prompts in which "{class}" stands for a class; empty: CLIP has none
  // What a class is called in prompts, given how its folder or file calls it; null: the same.
  std::string (*class_name)(const std::string& own) = nullptr;
  // Of the training images at 32 x 32, as `datasets show` measures them, where we have them all: if yours differ, the
  // files are others.
  std::optional<Normalisation> statistics = std::nullopt;
  std::vector<std::string> parts = {};  // files that sets of this layout may lack, and this one does not
};

std::span<const KnownSet> known_sets();
const KnownSet* find_known_set(std::string_view name);  // null if it is not known

// "<a|the> {class}" → "a {class}", "the {class}". The first group varies slowest.
std::vector<std::string> expand_alternatives(std::string_view pattern);

}  // namespace datasets
