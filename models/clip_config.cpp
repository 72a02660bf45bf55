#include "models/clip_config.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <string>

#include "engine/tensor/utf8.hpp"
#include "models/activation_names.hpp"
#include "models/config_section.hpp"

namespace models {
namespace {

using engine::Activation;
using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;

double ratio(const Section& section, const std::string& key, std::int64_t hidden, std::int64_t width) {
  if (width <= 0 || hidden <= 0) section.fail(key, "and the width must be positive");
  return static_cast<double>(hidden) / static_cast<double>(width);
}

// ---- Hugging Face ----

Activation hugging_face_activation(const Section& section) {
  const std::string name = section.text("hidden_act", "quick_gelu");
  const std::optional<Activation> activation = find_activation(name);
  if (!activation) section.fail("hidden_act", "is " + engine::shown(name) + "; expected 'quick_gelu' or 'gelu'");
  return *activation;
}

void demand_epsilon(const Section& section) {
  if (std::abs(section.number("layer_norm_eps", 1e-5) - 1e-5) > 1e-12)
    section.fail("layer_norm_eps", "must be 1e-5, as in every CLIP");
}

// What the two towers have alike. `defaults` are those of transformers for the tower.
template <class Config>
Config hugging_face_tower(const Section& section, const Config& defaults, std::int64_t projection) {
  demand_epsilon(section);
  Config config = defaults;
  config.width = section.integer("hidden_size", defaults.width);
  config.depth = section.integer("num_hidden_layers", defaults.depth);
  config.heads = section.integer("num_attention_heads", defaults.heads);
  const std::int64_t hidden = section.integer("intermediate_size", 4 * defaults.width);
  config.mlp_ratio = ratio(section, "intermediate_size", hidden, config.width);
  config.activation = hugging_face_activation(section);
  config.embedding = projection;
  return config;
}

VitConfig hugging_face_image(const Section& vision, std::int64_t projection) {
  vision.demand("num_channels", 3, "images are red, green and blue");
  VitConfig config = hugging_face_tower<VitConfig>(vision, {.width = 768, .depth = 12, .heads = 12}, projection);
  config.image_size = vision.integer("image_size", 224);
  config.patch = vision.integer("patch_size", 32);
  return config;
}

TextConfig hugging_face_text(const Section& text, std::int64_t projection) {
  TextConfig config = hugging_face_tower<TextConfig>(text, {.width = 512, .depth = 12, .heads = 8}, projection);
  config.context = text.integer("max_position_embeddings", 77);
  config.vocabulary = text.integer("vocab_size", 49408);
  // transformers takes 2, which old files have, for the largest id, and otherwise looks for this one.
  constexpr std::int64_t kOldMistake = 2;
  constexpr std::int64_t kOfClip = 49407;
  const std::int64_t end = text.integer("eos_token_id", kOfClip);
  const std::int64_t largest = config.vocabulary > 0 ? config.vocabulary - 1 : kOfClip;
  if (end != kOldMistake && end != kOfClip && end != largest) {
    text.fail("eos_token_id", "is " + std::to_string(end) + "; expected " + std::to_string(largest) +
                                  ", the largest id: by that the end of a text is found");
  }
  return config;
}

// One tower's part of a nested config. `<tower>_dict`, where there is one, is the last word on every key, the missing ones
// taking their defaults.
Section tower(const Section& top, const std::string& key, const std::filesystem::path& file) {
  if (const auto last = top.section(key + "_dict")) return *last;
  const auto own = top.section(key);
  return own ? *own : Section(Json::object(), file, key);
}

ClipConfig read_hugging_face(const Section& top, const std::filesystem::path& file) {
  const std::string type = top.text("model_type", "clip");
  const std::int64_t projection = top.integer("projection_dim", 512);
  if (type == "clip_vision_model") return {hugging_face_image(top, projection), std::nullopt};
  if (type == "clip_text_model") return {std::nullopt, hugging_face_text(top, projection)};
  if (type != "clip") {
    top.fail("model_type", "is " + engine::shown(type) +
                               ", another architecture; expected 'clip', 'clip_vision_model' or "
                               "'clip_text_model'");
  }
  return {hugging_face_image(tower(top, "vision_config", file), projection),
          hugging_face_text(tower(top, "text_config", file), projection)};
}

template <class Config>
OrderedJson written_tower(const char* type, const Config& c, std::int64_t projection) {
  return {{"model_type", type},
          {"hidden_size", c.width},
          {"intermediate_size", std::llround(static_cast<double>(c.width) * c.mlp_ratio)},
          {"num_hidden_layers", c.depth},
          {"num_attention_heads", c.heads},
          {"hidden_act", to_string(c.activation)},
          {"layer_norm_eps", 1e-5},
          {"projection_dim", projection}};
}

OrderedJson written_hugging_face(const ClipConfig& config) {
  std::int64_t projection = 512;
  if (config.image && config.image->embedding > 0) projection = config.image->embedding;
  if (config.text && config.text->embedding > 0) projection = config.text->embedding;
  OrderedJson vision, text;
  if (const auto& c = config.image) {
    vision = written_tower("clip_vision_model", *c, projection);
    vision.update({{"num_channels", 3}, {"image_size", c->image_size}, {"patch_size", c->patch}});
  }
  if (const auto& c = config.text) {
    text = written_tower("clip_text_model", *c, projection);
    text.update({{"max_position_embeddings", c->context},
                 {"vocab_size", c->vocabulary},
                 {"bos_token_id", c->vocabulary - 2},
                 {"eos_token_id", c->vocabulary - 1}});
  }
  if (!config.text) return vision;
  if (!config.image) return text;
  return {{"architectures", {"CLIPModel"}},   {"model_type", "clip"}, {"projection_dim", projection},
          {"logit_scale_init_value", 2.6592}, {"text_config", text},  {"vision_config", vision}};
}

// The shortest decimals that read back as these floats: 0.48145467, not 0.48145467042922974.
OrderedJson shortest(const std::array<float, 3>& values) {
  OrderedJson numbers;
  for (const float value : values) {
    std::array<char, 32> text{};
    const auto end = std::to_chars(text.begin(), text.end(), value).ptr;
    numbers.push_back(std::stod(std::string(text.begin(), end)));
  }
  return numbers;
}

OrderedJson written_preprocessor(const ClipPreprocessing& pixels, std::int64_t image_size) {
  return {{"do_resize", true},
          {"size", {{"shortest_edge", image_size}}},
          {"resample", 3},
          {"do_center_crop", true},
          {"crop_size", {{"height", image_size}, {"width", image_size}}},
          {"do_rescale", true},
          {"rescale_factor", 1.0 / 255.0},
          {"do_normalize", true},
          {"image_mean", shortest(pixels.mean)},
          {"image_std", shortest(pixels.deviation)},
          {"image_processor_type", "CLIPImageProcessor"}};
}

// ---- open_clip ----

void demand_plain_tower(const Section& section) {
  for (const std::string key : {"timm_model_name", "hf_model_name", "ls_init_value"}) {
    if (section.has(key)) section.fail(key, "is given, of another architecture; expected CLIP's own towers");
  }
  for (const std::string key :
       {"attentional_pool", "no_ln_pre", "final_ln_after_pool", "qk_norm", "scaled_cosine_attn", "scale_heads",
        "scale_attn_inner", "scale_attn", "scale_fc", "embed_cls", "no_causal_mask", "proj_bias"})
    section.demand(key, false, "as in OpenAI's CLIP");
  for (const std::string key : {"act_kwargs", "norm_kwargs"})
    section.demand(key, Json::object(), "as in OpenAI's CLIP");
  section.demand("proj_type", "linear", "as in OpenAI's CLIP");
  section.demand("pos_embed_type", "learnable", "as in OpenAI's CLIP");
}

std::int64_t layers_of(const Section& section) {
  if (!section.has("layers")) return 12;
  return section.integer("layers", 12);  // a list of four is a ResNet, and no whole number
}

// open_clip cuts width · ratio to a whole number.
double open_clip_ratio(const Section& section, std::int64_t width) {
  const double hidden = std::floor(section.number("mlp_ratio", 4.0) * static_cast<double>(width));
  if (!(hidden >= 1.0 && hidden <= 1e9)) section.fail("mlp_ratio", "and the width must make an MLP of 1 to 1e9");
  return ratio(section, "mlp_ratio", static_cast<std::int64_t>(hidden), width);
}

// The ratio of an MLP of whole width, such that cutting does not lose one.
double uncut(double ratio, std::int64_t width) {
  const double hidden = std::round(ratio * static_cast<double>(width));
  double written = hidden / static_cast<double>(width);
  while (std::floor(written * static_cast<double>(width)) < hidden) written = std::nextafter(written, 2.0 * ratio);
  return written;
}

template <class Config>
Config open_clip_tower(const Section& top, const Section& section, std::int64_t width) {
  Config config;
  config.embedding = top.integer("embed_dim", 512);
  config.width = section.integer("width", width);
  config.depth = layers_of(section);
  config.mlp_ratio = open_clip_ratio(section, config.width);
  config.activation = top.boolean("quick_gelu", false) ? Activation::quick_gelu : Activation::gelu;
  return config;
}

ClipConfig read_open_clip(const Section& file) {
  const Section top = file.section("model_cfg").value_or(file);
  const auto vision = top.section("vision_cfg");
  const auto text = top.section("text_cfg");
  if (!vision || !text)
    top.fail("", "needs vision_cfg and text_cfg, as open_clip's configs have; it is another config");
  for (const Section& each : {*vision, *text}) demand_plain_tower(each);
  vision->demand("pool_type", "tok", "the class token is taken");
  text->demand("pool_type", "argmax", "the token of the largest id is taken");
  ClipConfig config{open_clip_tower<VitConfig>(top, *vision, 768), open_clip_tower<TextConfig>(top, *text, 512)};
  const std::int64_t head_width = vision->integer("head_width", 64);
  if (head_width < 1) vision->fail("head_width", "must be at least 1");
  config.image->heads = config.image->width / head_width;
  config.image->patch = vision->integer("patch_size", 16);
  config.image->image_size = vision->integer("image_size", 224);
  config.text->context = text->integer("context_length", 77);
  config.text->vocabulary = text->integer("vocab_size", 49408);
  config.text->heads = text->integer("heads", 8);
  return config;
}

OrderedJson written_open_clip(const ClipConfig& config, const std::filesystem::path& file) {
  if (!config.image || !config.text) {
    throw std::runtime_error("[clip] " + file.string() +
                             ": open_clip has no config of one tower alone; write the Hugging Face layout.");
  }
  const VitConfig& image = *config.image;
  const TextConfig& text = *config.text;
  if (image.activation != text.activation || image.width % image.heads != 0) {
    throw std::runtime_error("[clip] " + file.string() +
                             ": open_clip has one activation for both towers; these have one each.");
  }
  return {{"model_cfg",
           {{"embed_dim", image.embedding},
            {"quick_gelu", image.activation == Activation::quick_gelu},
            {"vision_cfg",
             {{"image_size", image.image_size},
              {"layers", image.depth},
              {"width", image.width},
              {"head_width", image.width / image.heads},
              {"mlp_ratio", uncut(image.mlp_ratio, image.width)},
              {"patch_size", image.patch}}},
            {"text_cfg",
             {{"context_length", text.context},
              {"vocab_size", text.vocabulary},
              {"width", text.width},
              {"heads", text.heads},
              {"layers", text.depth},
              {"mlp_ratio", uncut(text.mlp_ratio, text.width)}}}}}};
}

}  // namespace

std::string clip_config_name(ClipLayout layout) {
  return layout == ClipLayout::open_clip ? "open_clip_config.json" : "config.json";
}

ClipConfig read_clip_config(const std::filesystem::path& file, ClipLayout layout) {
  const Section top = read_config(file);
  return layout == ClipLayout::open_clip ? read_open_clip(top) : read_hugging_face(top, file);
}

std::vector<ConfigFile> clip_config_files(const std::filesystem::path& folder, ClipLayout layout,
                                          const ClipConfig& config, const std::optional<ClipPreprocessing>& pixels) {
  const std::filesystem::path file = folder / clip_config_name(layout);
  const auto written = [](const OrderedJson& json) { return json.dump(2) + "\n"; };
  if (layout == ClipLayout::open_clip) {
    OrderedJson json = written_open_clip(config, file);
    if (pixels) json["preprocess_cfg"] = {{"mean", shortest(pixels->mean)}, {"std", shortest(pixels->deviation)}};
    return {{file, written(json)}};
  }
  std::vector<ConfigFile> files{{file, written(written_hugging_face(config))}};
  if (pixels && config.image) {
    files.push_back({folder / kPreprocessorConfig, written(written_preprocessor(*pixels, config.image->image_size))});
  }
  return files;
}

}  // namespace models
