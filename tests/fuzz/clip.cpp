// CLIP checkpoints: the input as each of the configs, as the index of shards, as a file of tensors, and as the name of one.
#include <algorithm>
#include <string>
#include <vector>

#include "models/clip_config.hpp"
#include "models/clip_files.hpp"
#include "models/clip_preprocessing.hpp"
#include "tests/fuzz/target.hpp"

namespace {

using models::ClipLayout;

constexpr std::int64_t kImageSize = 224;

void read_configs(const fuzz::Folder& folder, const std::filesystem::path& place, ClipLayout layout) {
  fuzz::attempt(folder.path().string(), [&] {
    const models::ClipConfig config =
        models::read_clip_config(folder.path() / place / models::clip_config_name(layout), layout);
    if (!config.image && !config.text) fuzz::fail("a config without a tower");
  });
  fuzz::attempt(folder.path().string(), [&] {
    const auto pixels = models::read_clip_preprocessing(folder.path() / place, layout, kImageSize);
    if (pixels && !std::ranges::all_of(pixels->deviation, [](float value) { return value > 0.0F; }))
      fuzz::fail("a deviation that divides nothing");
  });
}

void read_tensors(const fuzz::Folder& folder, const std::filesystem::path& file) {
  fuzz::attempt(folder.path().string(), [&] {
    const models::CheckpointFiles files = models::open_checkpoint(folder.path() / file);
    for (const auto& [name, tensor] : models::clip_tensors(files)) {
      std::vector<float> some(static_cast<std::size_t>(std::min<std::int64_t>(tensor.shape().numel(), 100)));
      tensor.read(0, some);
      tensor.read(tensor.shape().numel() - static_cast<std::int64_t>(some.size()), some);
    }
  });
}

// A name that a layout knows must be that of one of the pieces it makes of our tensor.
void find_name(const std::string& name, ClipLayout layout) {
  const std::string ours = models::clip_name(name, layout);
  if (ours.empty()) return;
  const engine::Shape shape = ours.find("in_proj_bias") != std::string::npos ? engine::Shape{6} : engine::Shape{6, 2};
  const std::vector<models::ClipPiece> pieces = models::clip_pieces(ours, shape, layout);
  if (std::ranges::none_of(pieces, [&](const models::ClipPiece& piece) { return piece.name == name; }))
    fuzz::fail("the name " + name + " does not come back");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* const data, const std::size_t size) {
  static const fuzz::Folder folder;
  const fuzz::Bytes input(data, size);
  folder.write("hugging_face/config.json", input);
  folder.write("hugging_face/preprocessor_config.json", input);
  read_configs(folder, "hugging_face", ClipLayout::hugging_face);
  folder.write("newer/processor_config.json", input);
  folder.write("newer/config.json", "{}");
  read_configs(folder, "newer", ClipLayout::hugging_face);
  folder.write("open_clip/open_clip_config.json", input);
  read_configs(folder, "open_clip", ClipLayout::open_clip);
  folder.write("x.safetensors.index.json", input);
  read_tensors(folder, "x.safetensors.index.json");
  folder.write("model.safetensors", input);
  read_tensors(folder, "model.safetensors");
  const std::string name(reinterpret_cast<const char*>(data), size);
  for (const ClipLayout layout : {ClipLayout::hugging_face, ClipLayout::open_clip}) find_name(name, layout);
  return 0;
}
