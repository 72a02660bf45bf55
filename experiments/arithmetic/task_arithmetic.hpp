// What task arithmetic gives from one θ0, in a few numbers: for experiments that compare one θ0 with another.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "experiments/arithmetic/task_vectors.hpp"

namespace experiments {

// Fine-tunes every source in both modes, into <finetuned>/<mode>/<task>; what is done is skipped. Returns the seconds it took
// when it was done.
double finetune_all(const Context& context, const Pretrained& pretrained, const std::vector<TaskSource>& sources,
                    const std::filesystem::path& finetuned);

// The stages task_addition, disentanglement (over {−1, −½, 0, ½, 1}² for the default pairs, if there are two tasks) and, if
// there is a control, task_negation, in folders below `folder`. Returns logit_scale, chance, zero_shot, and per mode single_task,
// absolute, normalised, gap_closed, alpha, validation_at_one (of the sum with α = 1, on validation images), control (its accuracy
// with the sum), xi (at_one, mean_zero_to_one, mean_search_box of the sum over both tasks) and
// negation (target, control); control and negation are absent without a control: means over tasks or pairs. And the seconds of the stages.
Json task_arithmetic(const Context& context, const TaskVectorInputs& inputs, std::int64_t grid_images,
                     const RunFolder& folder);

}  // namespace experiments
