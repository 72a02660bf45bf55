#include "models/clip.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <set>
#include <stdexcept>
#include <utility>
#include <vector>

#include "engine/tensor/finite.hpp"
#include "nn/nearest_name.hpp"
#include "nn/safetensors.hpp"
#include "nn/safetensors_elements.hpp"

namespace models {
namespace {

using engine::Shape;

[[noreturn]] void fail(const std::filesystem::path& file, const std::string& problem) {
  throw std::runtime_error("[clip] " + file.string() + ": " + problem);
}

const std::string kImage = "visual.";

// ---- what the tensors say of the extents ----

class Seen {
 public:
  Seen(const CheckpointFiles& files, ClipLayout layout) : files_(files), layout_(layout) {}

  bool any(bool image) const {
    return std::ranges::any_of(files_.tensors, [&](const auto& named) {
      const std::string ours = clip_name(named.first, layout_);
      return !ours.empty() && ours != "logit_scale" && ours.starts_with(kImage) == image;
    });
  }

  // An extent of our tensor `name`, of `rank` axes; nullopt if there is no such tensor.
  std::optional<std::int64_t> extent(const std::string& name, int rank, int axis) const {
    const std::vector<std::int64_t> ones(static_cast<std::size_t>(rank), 3);
    const ClipPiece piece = clip_pieces(name, Shape(ones), layout_).front();
    const auto found = files_.tensors.find(piece.name);
    if (found == files_.tensors.end() || found->second.tensor->shape.rank() != rank) return std::nullopt;
    return found->second.tensor->shape[piece.transposed ? 1 - axis : axis];
  }

  std::optional<std::int64_t> depth(const std::string& tower) const {
    const std::string prefix = tower + "transformer.resblocks.";
    std::optional<std::int64_t> depth;
    for (const auto& [stored, tensor] : files_.tensors) {
      const std::string name = clip_name(stored, layout_);
      if (name.starts_with(prefix))
        depth = std::max<std::int64_t>(depth.value_or(0), 1 + std::stoll(name.substr(prefix.size())));
    }
    return depth;
  }

 private:
  const CheckpointFiles& files_;
  ClipLayout layout_;
};

// The extents of the tensors set beside those of the config.
class Comparison {
 public:
  Comparison(std::filesystem::path file, std::optional<std::filesystem::path> config)
      : file_(std::move(file)), config_(std::move(config)) {}

  // The value to take: the config's if there is one, else the tensors'.
  std::int64_t operator()(const std::string& what, std::int64_t of_config, std::optional<std::int64_t> of_tensors) {
    if (!config_) {
      if (!of_tensors) fail(file_, "no tensor tells the " + what + ", and there is no config beside it.");
      return *of_tensors;
    }
    if (of_tensors && *of_tensors != of_config) {
      contradictions_ += (contradictions_.empty() ? "" : "; ") + what + ": " + std::to_string(of_config) +
                         " in the config, " + std::to_string(*of_tensors) + " in the tensors";
    }
    return of_config;
  }

  void demand_agreement() const {
    if (!contradictions_.empty()) fail(file_, config_->string() + " contradicts the tensors. " + contradictions_ + ".");
  }

 private:
  std::filesystem::path file_;
  std::optional<std::filesystem::path> config_;
  std::string contradictions_;
};

std::int64_t heads_of(std::int64_t width, const std::filesystem::path& file) {
  constexpr std::int64_t kHeadWidth = 64;  // of every CLIP
  if (width % kHeadWidth != 0) {
    fail(file, "heads are 64 wide where no config says otherwise, and the width " + std::to_string(width) +
                   " is no multiple of it; put the config beside the file.");
  }
  return width / kHeadWidth;
}

double mlp_ratio(std::int64_t hidden, std::int64_t width) {
  return static_cast<double>(hidden) / static_cast<double>(std::max<std::int64_t>(width, 1));
}

std::optional<std::int64_t> square_root(std::optional<std::int64_t> count) {
  if (!count) return std::nullopt;
  return std::llround(std::sqrt(static_cast<double>(std::max<std::int64_t>(*count, 0))));
}

VitConfig image_config(const Seen& seen, const std::optional<VitConfig>& given, bool alone, Comparison& compare,
                       std::optional<engine::Activation> activation, const std::filesystem::path& file) {
  VitConfig c = given.value_or(VitConfig{});
  const auto hidden = seen.extent("visual.transformer.resblocks.0.mlp.c_fc.weight", 2, 0);
  const auto embedding = seen.extent("visual.proj", 2, 1);
  const double ratio = c.mlp_ratio;
  c.width = compare("vision width", c.width, seen.extent("visual.conv1.weight", 4, 0));
  const std::int64_t mlp =
      compare("vision MLP width", std::llround(ratio * static_cast<double>(given ? given->width : 0)), hidden);
  c.mlp_ratio = given ? ratio : mlp_ratio(mlp, c.width);
  c.depth = compare("vision layers", c.depth, seen.depth(kImage));
  c.patch = compare("patch size", c.patch, seen.extent("visual.conv1.weight", 4, 3));
  const auto tokens = seen.extent("visual.positional_embedding", 2, 0);
  const auto grid = square_root(tokens ? std::optional(*tokens - 1) : std::nullopt);
  constexpr std::int64_t kMost = 65536;  // far beyond any model; keeps the product within 63 bits
  const bool sensible = grid && *grid <= kMost && c.patch <= kMost;
  c.image_size = compare("image size", c.image_size, sensible ? std::optional(*grid * c.patch) : std::nullopt);
  c.embedding = alone && !embedding ? 0 : compare("joint embedding", c.embedding, embedding);
  if (!given) {
    c.heads = heads_of(c.width, file);
    c.activation = activation.value();
  }
  return c;
}

TextConfig text_config(const Seen& seen, const std::optional<TextConfig>& given, bool alone, Comparison& compare,
                       std::optional<engine::Activation> activation, const std::filesystem::path& file) {
  TextConfig c = given.value_or(TextConfig{});
  const auto hidden = seen.extent("transformer.resblocks.0.mlp.c_fc.weight", 2, 0);
  const auto embedding = seen.extent("text_projection", 2, 1);
  const double ratio = c.mlp_ratio;
  c.width = compare("text width", c.width, seen.extent("token_embedding.weight", 2, 1));
  const std::int64_t mlp =
      compare("text MLP width", std::llround(ratio * static_cast<double>(given ? given->width : 0)), hidden);
  c.mlp_ratio = given ? ratio : mlp_ratio(mlp, c.width);
  c.vocabulary = compare("vocabulary", c.vocabulary, seen.extent("token_embedding.weight", 2, 0));
  c.context = compare("context", c.context, seen.extent("positional_embedding", 2, 0));
  c.depth = compare("text layers", c.depth, seen.depth(""));
  c.embedding = alone && !embedding ? 0 : compare("joint embedding", c.embedding, embedding);
  if (!given) {
    c.heads = heads_of(c.width, file);
    c.activation = activation.value();
  }
  return c;
}

// ---- which tensors there must be ----

using Shapes = std::map<std::string, Shape>;  // of ours

void put_shapes(Shapes& shapes, const nn::Layout& layout, const std::string& tower) {
  for (const nn::Layout::Entry& entry : layout.entries()) shapes.emplace(tower + entry.name, entry.shape);
}

// Buffers that some writers keep beside the weights.
bool is_no_weight(const std::string& name, const nn::MappedTensor& tensor) {
  if (name.ends_with(".position_ids") && !nn::is_floating(tensor.type)) return true;
  return name == "input_resolution" || name == "context_length" || name == "vocab_size";
}

constexpr int kMostNearest = 20;

// Every tensor that does not fit, one on a line; empty if all do. `whole`: none may be missing.
std::string misfits(const CheckpointFiles& files, ClipLayout layout, const Shapes& shapes, bool whole) {
  std::map<std::string, Shape> pieces;
  for (const auto& [name, shape] : shapes) {
    for (const ClipPiece& piece : clip_pieces(name, shape, layout)) pieces.emplace(piece.name, piece.shape);
  }
  std::string lines;
  std::vector<std::string> known;
  for (const auto& [name, shape] : pieces) {
    known.push_back(name);
    const auto found = files.tensors.find(name);
    if (found == files.tensors.end()) {
      if (whole) lines += "\n  missing: '" + name + "' " + to_string(shape);
      continue;
    }
    const nn::MappedTensor& tensor = *found->second.tensor;
    if (tensor.shape != shape)
      lines += "\n  '" + name + "' must be " + to_string(shape) + "; it is " + to_string(tensor.shape);
    if (!nn::is_floating(tensor.type))
      lines += "\n  '" + name + "' must be F32, F16, BF16 or F64; it is " + tensor.type;
  }
  int compared = 0;  // with every known name, of which a false config can make tens of thousands
  for (const auto& [name, stored] : files.tensors) {
    if (pieces.contains(name) || is_no_weight(name, *stored.tensor)) continue;
    lines += "\n  unknown: '" + stored.name + "' " + to_string(stored.tensor->shape);
    if (compared++ < kMostNearest) lines += "; nearest: '" + nn::nearest_name(name, known) + "'";
  }
  return lines;
}

void demand_fit(const CheckpointFiles& files, ClipLayout layout, const Shapes& shapes, bool whole) {
  const std::string lines = misfits(files, layout, shapes, whole);
  if (lines.empty()) return;
  const auto count = std::ranges::count(lines, '\n');
  fail(files.path, std::to_string(count) + (count == 1 ? " tensor does" : " tensors do") +
                       " not fit this CLIP (names of " + std::string(to_string(layout)) + "):" + lines);
}

// ---- values ----

void demand_finite(const CheckpointFiles& files, const ClipTensor& tensor, ClipLayout layout,
                   const engine::MutableTensor& values) {
  for (const ClipPiece& piece : clip_pieces(tensor.name(), tensor.shape(), layout)) {
    const Shape& shape = piece.transposed ? tensor.shape() : piece.shape;
    const auto found =
        engine::first_non_finite(values.slice(0, piece.begin, piece.begin + piece.shape.numel()).reshape(shape));
    if (found) fail(files.path, "tensor '" + piece.name + "' holds " + *found + "; every weight must be finite.");
  }
}

// The tensors into their places in `params`; what `params` does not hold is passed over.
void fill(nn::ParamTree& params, const std::string& tower, const std::map<std::string, ClipTensor>& tensors,
          const CheckpointFiles& files, ClipLayout layout) {
  const engine::MutableTensor flat = params.writable();
  for (const nn::Layout::Entry& entry : params.layout().entries()) {
    const auto found = tensors.find(tower + entry.name);
    if (found == tensors.end()) continue;
    const engine::MutableTensor place = flat.slice(0, entry.offset, entry.offset + entry.shape.numel());
    found->second.read(0, {place.data<float>(), static_cast<std::size_t>(entry.shape.numel())});
    demand_finite(files, found->second, layout, place);
    found->second.release();
  }
}

[[noreturn]] void fail_as_another(const CheckpointFiles& files) {
  std::string examples;
  int count = 0;
  for (const auto& [name, stored] : files.tensors) {
    if (count++ == 3) break;
    examples += (examples.empty() ? "'" : "', '") + name;
  }
  fail(files.path,
       "is no CLIP with a vision transformer: expected tensors named as 'visual.conv1.weight' (open_clip) or "
       "'vision_model.embeddings.patch_embedding.weight' (Hugging Face); it has " +
           (count == 0 ? std::string("none") : examples + "'") + ".");
}

// What the layout's own code would be taken for, by the tensors that give it away.
void demand_transformer(const CheckpointFiles& files) {
  for (const auto& [name, stored] : files.tensors) {
    const std::string_view kind = name.starts_with("visual.trunk.")               ? "a timm image tower"
                                  : name.starts_with("visual.layer1.")            ? "a ResNet"
                                  : name.starts_with("vision_model.head.")        ? "SigLIP"
                                  : name.starts_with("text_model.encoder.layer.") ? "a BERT text tower"
                                                                                  : "";
    if (!kind.empty()) {
      fail(files.path, "is another architecture, " + std::string(kind) + " by its tensor '" + name +
                           "'; expected OpenAI's CLIP with a vision transformer.");
    }
  }
}

Shapes shapes_of(const ClipConfig& config, bool has_scale) {
  Shapes shapes;
  if (config.image) put_shapes(shapes, *Vit(*config.image).layout(), kImage);
  if (config.text) put_shapes(shapes, *TextTower(*config.text).layout(), "");
  if (has_scale) shapes.emplace("logit_scale", Shape{});
  return shapes;
}

// The config of the towers that the files hold, after every check that needs no weight's value.
ClipConfig checked_config(const CheckpointFiles& files, std::optional<engine::Activation> activation) {
  demand_transformer(files);
  if (!files.layout) fail_as_another(files);
  const ClipLayout layout = *files.layout;
  const std::filesystem::path config_file = files.folder / clip_config_name(layout);
  const bool has_config = std::filesystem::exists(config_file);
  if (!has_config && !activation) {
    fail(files.path, "no tensor tells whether the activation is QuickGELU or GELU; put " +
                         config_file.filename().string() +
                         " beside the file, or say which it is (--activation quick_gelu or gelu).");
  }
  const ClipConfig given = has_config ? read_clip_config(config_file, layout) : ClipConfig{};
  const Seen seen(files, layout);
  const bool has_image = seen.any(true);
  const bool has_text = seen.any(false);
  Comparison compare(files.path, has_config ? std::optional(config_file) : std::nullopt);
  const auto demand_config = [&](bool there, const std::string& tower) {
    if (has_config && !there)
      fail(files.path, "holds a " + tower + " tower, of which " + config_file.string() + " says nothing.");
  };
  ClipConfig config;
  if (has_image) {
    demand_config(given.image.has_value(), "vision");
    config.image = image_config(seen, given.image, !has_text, compare, activation, files.path);
  }
  if (has_text) {
    demand_config(given.text.has_value(), "text");
    config.text = text_config(seen, given.text, !has_image, compare, activation, files.path);
  }
  compare.demand_agreement();
  const bool has_scale = (has_image && has_text) || files.tensors.contains("logit_scale");
  try {
    demand_fit(files, layout, shapes_of(config, has_scale), true);
  } catch (const std::invalid_argument& error) {  // extents that no tower can have
    fail(files.path, error.what());
  }
  return config;
}

}  // namespace

ClipConfig Clip::config() const {
  ClipConfig config;
  if (image) config.image = image->network.config();
  if (text) config.text = text->network.config();
  return config;
}

Clip read_clip(const std::filesystem::path& path, std::optional<engine::Activation> activation) {
  const CheckpointFiles files = open_checkpoint(path);
  const ClipConfig config = checked_config(files, activation);
  const std::map<std::string, ClipTensor> tensors = clip_tensors(files);
  Clip clip{files.path, *files.layout, std::nullopt, std::nullopt, std::nullopt};
  if (config.image) {
    Vit network(*config.image);
    nn::ParamTree weights(network.layout());
    fill(weights, kImage, tensors, files, clip.layout);
    clip.image.emplace(ImageTower{std::move(network), std::move(weights)});
  }
  if (config.text) {
    TextTower network(*config.text);
    nn::ParamTree weights(network.layout());
    fill(weights, "", tensors, files, clip.layout);
    clip.text.emplace(LanguageTower{std::move(network), std::move(weights)});
  }
  if (const auto found = tensors.find("logit_scale"); found != tensors.end()) {
    found->second.read(0, {&clip.logit_scale.emplace(), 1});
    if (!std::isfinite(*clip.logit_scale))
      fail(files.path, "tensor 'logit_scale' is not finite; every weight must be.");
  }
  return clip;
}

ClipConfig check_clip(const std::filesystem::path& path, std::optional<engine::Activation> activation) {
  return checked_config(open_checkpoint(path), activation);
}

nn::ParamTree read_image_direction(const std::filesystem::path& path, const Clip& clip) {
  if (!clip.image) fail(clip.file, "has no image tower.");
  const CheckpointFiles files = open_checkpoint(path);
  if (!files.layout) fail_as_another(files);
  demand_fit(files, *files.layout, shapes_of(clip.config(), clip.logit_scale.has_value()), false);
  nn::ParamTree direction(clip.image->network.layout());
  fill(direction, kImage, clip_tensors(files), files, *files.layout);
  return direction;
}

nn::NamedTensors in_layout(const nn::ParamTree& params, const std::string& tower, ClipLayout layout) {
  nn::NamedTensors result;
  const std::vector<engine::Tensor> values = params.tensors();
  for (std::size_t i = 0; i < values.size(); ++i) {
    const nn::Layout::Entry& entry = params.layout().entries()[i];
    for (const ClipPiece& piece : clip_pieces(tower + entry.name, entry.shape, layout)) {
      const engine::Tensor flat = values[i].reshape({entry.shape.numel()});
      const engine::Tensor part = flat.slice(0, piece.begin, piece.begin + piece.shape.numel());
      result.emplace(piece.name,
                     piece.transposed ? part.reshape(entry.shape).permute({1, 0}) : part.reshape(piece.shape));
    }
  }
  return result;
}

void write_clip(const std::filesystem::path& file, const Clip& clip, ClipLayout layout) {
  nn::NamedTensors tensors;
  if (clip.image) tensors.merge(in_layout(clip.image->weights, kImage, layout));
  if (clip.text) tensors.merge(in_layout(clip.text->weights, "", layout));
  if (clip.logit_scale)
    tensors.emplace("logit_scale", engine::Tensor::full({}, static_cast<double>(*clip.logit_scale)));
  nn::write_safetensors(file, tensors, {{"format", "pt"}});
}

}  // namespace models
