#include "models/clip.hpp"

#include <algorithm>
#include <cmath>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

#include "engine/tensor/finite.hpp"
#include "models/activation_names.hpp"
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

// What the two towers have alike.
struct TowerNames {
  std::string what;    // for messages
  std::string prefix;  // of its tensors
  std::string projection;
};
const TowerNames kImageNames{"vision", kImage, "visual.proj"};
const TowerNames kTextNames{"text", "", "text_projection"};

template <class Config>
Config tower_config(const Seen& seen, const TowerNames& names, std::optional<std::int64_t> width,
                    const std::optional<Config>& given, bool alone, Comparison& compare,
                    std::optional<engine::Activation> activation, const std::filesystem::path& file) {
  Config c = given.value_or(Config{});
  const double ratio = c.mlp_ratio;
  c.width = compare(names.what + " width", c.width, width);
  const std::int64_t mlp =
      compare(names.what + " MLP width", std::llround(ratio * static_cast<double>(given ? given->width : 0)),
              seen.extent(names.prefix + "transformer.resblocks.0.mlp.c_fc.weight", 2, 0));
  c.mlp_ratio = given ? ratio : mlp_ratio(mlp, c.width);
  c.depth = compare(names.what + " layers", c.depth, seen.depth(names.prefix));
  const auto embedding = seen.extent(names.projection, 2, 1);
  c.embedding = alone && !embedding ? 0 : compare("joint embedding", c.embedding, embedding);
  if (!given) {
    c.heads = heads_of(c.width, file);
    c.activation = activation.value();
  }
  return c;
}

VitConfig image_config(const Seen& seen, const std::optional<VitConfig>& given, bool alone, Comparison& compare,
                       std::optional<engine::Activation> activation, const std::filesystem::path& file) {
  VitConfig c = tower_config(seen, kImageNames, seen.extent("visual.conv1.weight", 4, 0), given, alone, compare,
                             activation, file);
  c.patch = compare("patch size", c.patch, seen.extent("visual.conv1.weight", 4, 3));
  const auto tokens = seen.extent("visual.positional_embedding", 2, 0);
  const auto grid = square_root(tokens ? std::optional(*tokens - 1) : std::nullopt);
  constexpr std::int64_t kMost = 65536;  // far beyond any model; keeps the product within 63 bits
  const bool sensible = grid && *grid <= kMost && c.patch <= kMost;
  c.image_size = compare("image size", c.image_size, sensible ? std::optional(*grid * c.patch) : std::nullopt);
  return c;
}

TextConfig text_config(const Seen& seen, const std::optional<TextConfig>& given, bool alone, Comparison& compare,
                       std::optional<engine::Activation> activation, const std::filesystem::path& file) {
  TextConfig c = tower_config(seen, kTextNames, seen.extent("token_embedding.weight", 2, 1), given, alone, compare,
                              activation, file);
  c.vocabulary = compare("vocabulary", c.vocabulary, seen.extent("token_embedding.weight", 2, 0));
  c.context = compare("context", c.context, seen.extent("positional_embedding", 2, 0));
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

// Every tensor that does not fit, each with its complaint; empty if all do. `whole`: none may be missing.
std::vector<std::string> misfits(const CheckpointFiles& files, ClipLayout layout, const Shapes& shapes, bool whole) {
  std::map<std::string, Shape> pieces;
  for (const auto& [name, shape] : shapes) {
    for (const ClipPiece& piece : clip_pieces(name, shape, layout)) pieces.emplace(piece.name, piece.shape);
  }
  std::vector<std::string> complaints;
  std::vector<std::string> known;
  for (const auto& [name, shape] : pieces) {
    known.push_back(name);
    const auto found = files.tensors.find(name);
    if (found == files.tensors.end()) {
      if (whole) complaints.push_back("missing: '" + name + "' " + to_string(shape));
      continue;
    }
    const nn::MappedTensor& tensor = *found->second.tensor;
    if (tensor.shape != shape)
      complaints.push_back("'" + name + "' must be " + to_string(shape) + "; it is " + to_string(tensor.shape));
    if (!nn::is_floating(tensor.type))
      complaints.push_back("'" + name + "' must be F32, F16, BF16 or F64; it is " + tensor.type);
  }
  for (const auto& [name, stored] : files.tensors) {
    if (pieces.contains(name) || is_no_weight(name, *stored.tensor)) continue;
    complaints.push_back("unknown: '" + stored.name + "' " + to_string(stored.tensor->shape));
    if (complaints.size() <= kMostComplaints) complaints.back() += nn::nearest_hint(name, known);
  }
  return complaints;
}

void demand_fit(const CheckpointFiles& files, ClipLayout layout, const Shapes& shapes, bool whole) {
  const std::vector<std::string> complaints = misfits(files, layout, shapes, whole);
  if (complaints.empty()) return;
  fail(files.path, std::to_string(complaints.size()) + (complaints.size() == 1 ? " tensor does" : " tensors do") +
                       " not fit this CLIP (names of " + std::string(to_string(layout)) +
                       "):" + complaint_lines(complaints));
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

// A tensor into its place, each part looked at while it is still near the core.
void fill(const engine::MutableTensor& place, const ClipTensor& tensor, const CheckpointFiles& files,
          ClipLayout layout) {
  constexpr std::size_t kBlock = 1 << 16;  // elements
  const std::span<float> whole(place.data<float>(), static_cast<std::size_t>(tensor.shape().numel()));
  for (std::size_t begin = 0; begin < whole.size(); begin += kBlock) {
    const std::span<float> block = whole.subspan(begin, std::min(kBlock, whole.size() - begin));
    tensor.read(static_cast<std::int64_t>(begin), block);
    if (engine::all_finite(block)) continue;
    tensor.read(0, whole);
    demand_finite(files, tensor, layout, place);
  }
  tensor.release();
}

// The tensors into their places in `params`; what `params` does not hold is passed over.
void fill(nn::ParamTree& params, const std::string& tower, const std::map<std::string, ClipTensor>& tensors,
          const CheckpointFiles& files, ClipLayout layout, engine::ShardPool* pool = nullptr) {
  const engine::MutableTensor flat = params.writable();
  const std::span<const nn::Layout::Entry> entries = params.layout().entries();
  const auto fill_entry = [&](std::int64_t index) {
    const nn::Layout::Entry& entry = entries[static_cast<std::size_t>(index)];
    const auto found = tensors.find(tower + entry.name);
    if (found == tensors.end()) return;
    fill(flat.slice(0, entry.offset, entry.offset + entry.shape.numel()), found->second, files, layout);
  };
  const auto count = static_cast<std::int64_t>(entries.size());
  if (pool != nullptr) return pool->run(count, fill_entry);
  for (std::int64_t index = 0; index < count; ++index) fill_entry(index);
}

// A tower of which the files hold every tensor.
template <class Tower, class Network, class Config>
Tower read_tower(const Config& config, const std::string& prefix, const std::map<std::string, ClipTensor>& tensors,
                 const CheckpointFiles& files, engine::ShardPool* pool) {
  Network network(config);
  nn::ParamTree weights(network.layout(), engine::Tensor::empty({network.layout()->numel()}));
  fill(weights, prefix, tensors, files, *files.layout, pool);
  return {std::move(network), std::move(weights)};
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

void demand_activation(engine::Activation of_config, std::optional<engine::Activation> asked,
                       const std::filesystem::path& config_file) {
  if (!asked || *asked == of_config) return;
  fail(config_file, "the activation is " + std::string(to_string(of_config)) +
                        " by this config, and --activation says " + std::string(to_string(*asked)) +
                        "; leave the option out, or mend the config if it is wrong.");
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
    if (given.image) demand_activation(given.image->activation, activation, config_file);
    config.image = image_config(seen, given.image, !has_text, compare, activation, files.path);
  }
  if (has_text) {
    demand_config(given.text.has_value(), "text");
    if (given.text) demand_activation(given.text->activation, activation, config_file);
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

Clip read_clip(const std::filesystem::path& path, std::optional<engine::Activation> activation,
               engine::ShardPool* pool) {
  const CheckpointFiles files = open_checkpoint(path);
  const ClipConfig config = checked_config(files, activation);
  const std::map<std::string, ClipTensor> tensors = clip_tensors(files);
  Clip clip{files.path, *files.layout, std::nullopt, std::nullopt, std::nullopt};
  if (config.image) clip.image = read_tower<ImageTower, Vit>(*config.image, kImage, tensors, files, pool);
  if (config.text) clip.text = read_tower<LanguageTower, TextTower>(*config.text, "", tensors, files, pool);
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

nn::ParamTree read_tuned_image(const std::filesystem::path& path, const Vit& network, const nn::ParamTree& base) {
  CheckpointFiles files = open_checkpoint(path);
  demand_transformer(files);
  if (!files.layout) fail_as_another(files);
  const ClipLayout layout = *files.layout;
  std::erase_if(files.tensors, [&](const auto& named) {
    const std::string ours = clip_name(named.first, layout);
    return !ours.empty() && !ours.starts_with(kImage);
  });
  if (!Seen(files, layout).any(true)) fail(files.path, "holds no image tower.");
  const VitConfig& of_base = network.config();
  if (const auto config_file = files.folder / clip_config_name(layout); std::filesystem::exists(config_file)) {
    const ClipConfig config = read_clip_config(config_file, layout);
    if (config.image && (config.image->activation != of_base.activation || config.image->heads != of_base.heads)) {
      const auto shown = [](const VitConfig& c) {
        return std::string(to_string(c.activation)) + " and " + std::to_string(c.heads) + " heads";
      };
      fail(files.path, "was not fine-tuned from the base: " + config_file.string() + " says " + shown(*config.image) +
                           ", the base has " + shown(of_base) + ".");
    }
  }
  Shapes shapes;
  put_shapes(shapes, *network.layout(), kImage);
  demand_fit(files, layout, shapes, false);
  nn::ParamTree weights = base;
  fill(weights, kImage, clip_tensors(files), files, layout);
  return weights;
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
