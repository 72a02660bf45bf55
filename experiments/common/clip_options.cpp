#include "experiments/common/clip_options.hpp"

#include <string>

#include "models/activation_names.hpp"

namespace experiments {

Option add_checkpoint_option(CommandLine& line, std::filesystem::path& checkpoint) {
  return line.option("--checkpoint", checkpoint,
                     "A CLIP of Hugging Face's or open_clip's: its folder, its .safetensors file or the index of its "
                     "shards");
}

Option add_activation_option(CommandLine& line, ClipOptions& options) {
  return line
      .action(
          "--activation", [&options](const std::string& name) { options.activation = models::find_activation(name); },
          "quick_gelu or gelu, where no config beside the checkpoint tells it")
      .among({"quick_gelu", "gelu"});
}

void add_clip_options(CommandLine& line, std::filesystem::path& checkpoint, ClipOptions& options) {
  add_checkpoint_option(line, checkpoint).required();
  add_activation_option(line, options);
}

}  // namespace experiments
