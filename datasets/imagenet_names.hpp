// What CLIP calls the 1000 classes of ImageNet in prompts, as the reference code has it (src/datasets/imagenet.py). The
// names are those of github.com/openai/CLIP, notebooks/Prompt_Engineering_for_ImageNet.ipynb, taken from
// github.com/mlfoundations/open_clip 3.3.0, zero_shot_metadata.py; both are under the MIT licence. The folders are
// WordNet's numbers of the classes of ILSVRC 2012.
#pragma once

#include <string>

namespace datasets {

// "n01440764" is "tench". A folder that is none of the thousand keeps its own name.
std::string imagenet_name(const std::string& folder);

}  // namespace datasets
