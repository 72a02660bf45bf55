#include "experiments/common/clip_options.hpp"

#include <string>

namespace experiments {

void add_clip_options(CommandLine& line, std::filesystem::path& checkpoint, ClipOptions& options) {
  line.option("--checkpoint", checkpoint,
              "A CLIP of Hugging Face's or open_clip's: its folder, its .safetensors file or the index of its shards")
      .required();
  add_activation_option(line, options);
}

void add_activation_option(CommandLine& line, ClipOptions& options) {
  line.action(
          "--activation",
          [&options](const std::string& name) {
            options.activation = name == "gelu" ? engine::Activation::gelu : engine::Activation::quick_gelu;
          },
          "quick_gelu or gelu, where no config lies beside the checkpoint")
      .among({"quick_gelu", "gelu"});
}

}  // namespace experiments
