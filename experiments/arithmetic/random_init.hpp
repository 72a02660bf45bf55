// Is task arithmetic a property of pre-trained weights? Fine-tuning, addition and disentanglement from the weights
// pre-training begins with, beside the same from those it ends with.                 [Ortiz-Jimenez et al. 2023, table 3]
//
// The random θ0 is the one of the seed; heads and logit scale are the pre-trained ones in both, so that θ0 is all that
// differs.
#pragma once

#include <cstdint>
#include <string>

#include "experiments/arithmetic/task_vectors.hpp"

namespace experiments {

// The stage. `inputs` are of the pre-trained weights; a control is left out. Leaves random.safetensors, to use as
// pretrained.safetensors (not of a checkpoint, whose words it cannot hold), and <folder>/finetune beside it. Returns tasks and,
// for random and pretrained, what task_arithmetic() returns.
Json random_init(const Context& context, const TaskVectorInputs& inputs, std::int64_t grid_images,
                 const RunFolder& folder);

std::string random_init_table(const Json& results);  // for people

}  // namespace experiments
