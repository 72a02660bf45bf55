// The words of one classification task, from which captions (pre-training) and prompts (zero-shot heads) are made.
// A template holds "{class}", to be replaced by a class name or by its alias: "a photo of a handwritten digit {class}".
//
// Word vectors need words that tasks do not share. A text encoder that knows language is asked in plain words instead.
#pragma once

#include <string>
#include <vector>

namespace datasets {

struct TaskText {
  std::string domain;                             // two content words: "handwritten digit"
  std::vector<std::string> class_names;           // one token each, unique across tasks
  std::vector<std::string> aliases;               // a second, rarer token for each class, unique across tasks as well
  std::vector<std::string> templates;             // each names the domain and holds "{class}" once
  std::vector<std::string> plain_names = {};      // what people call the classes; none: class_names are plain words
  std::vector<std::string> plain_templates = {};  // the prompts CLIP is asked with; none: `templates` are
};

}  // namespace datasets
