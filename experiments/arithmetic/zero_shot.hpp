// Zero-shot classification: an image is of the class whose words are nearest to it.      [Radford et al. 2021, section 3.1]
//
//   class of x = argmax_c ⟨w_c, f(x; θ0)/‖f(x; θ0)‖⟩,   w_c from the prompts of class c
#pragma once

#include <cstdint>
#include <string>

#include "datasets/split.hpp"
#include "experiments/common/context.hpp"
#include "experiments/common/pretraining.hpp"

namespace experiments {

struct ZeroShotSettings {
  datasets::Split split = datasets::Split::test;
  std::int64_t images = std::int64_t{1} << 40;  // at most
  bool logits = false;                          // kept in <folder>/logits.safetensors: logits [N, K], labels [N]
};

// The stage. Returns task, split, images, classes, prompts (of each class), example (the first of them), accuracy, top5 (null up
// to five classes), mean_per_class, per_class (class, images, correct), confusions (class, predicted, images; the most frequent
// first), seconds and images_per_second of the pass over the images, and head_seconds.
Json zero_shot(const Context& context, const Pretrained& pretrained, const TaskSource& source,
               const ZeroShotSettings& settings, const RunFolder& folder);

std::string zero_shot_table(const Json& results);  // for people

}  // namespace experiments
