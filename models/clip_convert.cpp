#include "models/clip_convert.hpp"

#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace models {

void convert_checkpoint(const std::filesystem::path& from, ClipLayout to, const std::filesystem::path& folder,
                        std::optional<engine::Activation> activation, const std::function<void()>& between) {
  const ClipConfig config = check_clip(from, activation);
  const CheckpointFiles files = open_checkpoint(from);
  if (files.layout == to && std::filesystem::exists(folder) && std::filesystem::equivalent(folder, files.folder)) {
    throw std::runtime_error("[convert] " + folder.string() +
                             ": holds this checkpoint in that layout already; name another folder.");
  }
  const std::map<std::string, ClipTensor> tensors = clip_tensors(files);
  std::vector<ClipSpec> specs;
  for (const auto& [name, tensor] : tensors)
    specs.push_back({name, tensor.shape(), tensor.type() == "F64" ? "F32" : tensor.type()});
  std::filesystem::create_directories(folder);
  const std::string name = to == ClipLayout::open_clip ? "open_clip_model.safetensors" : "model.safetensors";
  write_clip_tensors(folder / name, to, specs, {{"format", "pt"}},
                     [&](const std::string& tensor, std::int64_t begin, std::span<float> out) {
                       between();
                       tensors.at(tensor).read(begin, out);
                     });
  write_clip_config(folder / clip_config_name(to), to, config);
}

}  // namespace models
