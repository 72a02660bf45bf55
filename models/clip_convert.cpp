#include "models/clip_convert.hpp"

#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/tensor/atomic_file.hpp"

namespace models {

void convert_checkpoint(const std::filesystem::path& from, ClipLayout to, const std::filesystem::path& folder,
                        std::optional<engine::Activation> activation, const std::function<void()>& between) {
  const ClipConfig config = check_clip(from, activation);
  const CheckpointFiles files = open_checkpoint(from);
  if (files.layout == to && std::filesystem::exists(folder) && std::filesystem::equivalent(folder, files.folder)) {
    throw std::runtime_error("[convert] " + folder.string() +
                             ": holds this checkpoint in that layout already; name another folder.");
  }
  const std::filesystem::path weights =
      folder / (to == ClipLayout::open_clip ? "open_clip_model.safetensors" : "model.safetensors");
  demand_no_file_of(files, weights);
  const std::map<std::string, ClipTensor> tensors = clip_tensors(files);
  std::vector<ClipSpec> specs;
  for (const auto& [name, tensor] : tensors)
    specs.push_back({name, tensor.shape(), tensor.type() == "F64" ? "F32" : tensor.type()});
  const std::optional<ClipPreprocessing> pixels =
      config.image ? read_clip_preprocessing(files.folder, *files.layout, config.image->image_size) : std::nullopt;
  const std::vector<ConfigFile> configs = clip_config_files(folder, to, config, pixels);
  std::filesystem::create_directories(folder);
  write_clip_tensors(weights, to, specs, {{"format", "pt"}},
                     [&](const std::string& tensor, std::int64_t begin, std::span<float> out) {
                       between();
                       read_finite(files, tensors.at(tensor), begin, out);
                     });
  for (const ConfigFile& file : configs) engine::write_text_file(file.path, file.text);
}

}  // namespace models
