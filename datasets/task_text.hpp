// The words of one classification task, from which captions (pre-training) and prompts (zero-shot heads) are made.
// A template holds "{class}", to be replaced by a class name or by its alias: "a photo of a handwritten digit {class}".
#pragma once

#include <string>
#include <vector>

namespace datasets {

struct TaskText {
  std::string domain;                    // two content words: "handwritten digit"
  std::vector<std::string> class_names;  // one token each, unique across tasks
  std::vector<std::string> aliases;      // a second, rarer token for each class, unique across tasks as well
  std::vector<std::string> templates;    // each names the domain and holds "{class}" once
};

}  // namespace datasets
