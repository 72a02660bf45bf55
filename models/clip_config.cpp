#include "models/clip_config.hpp"

#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>
#include <vector>

#include "engine/tensor/atomic_file.hpp"
#include "engine/tensor/byte_source.hpp"

namespace models {
namespace {

using engine::Activation;
using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;

// A JSON object of the file, with its place in it for messages.
class Section {
 public:
  Section(const Json& json, std::filesystem::path file, std::string place)
      : json_(json), file_(std::move(file)), place_(std::move(place)) {
    if (!json_.is_object()) fail("", "must be a JSON object; got " + shown(json_));
  }

  // nullopt if the key is missing or null.
  std::optional<Section> section(const std::string& key) const {
    if (!has(key)) return std::nullopt;
    return Section(json_.at(key), file_, path_of(key));
  }

  std::int64_t integer(const std::string& key, std::int64_t missing) const {
    if (!has(key)) return missing;
    const Json& value = json_.at(key);
    if (!value.is_number_integer()) fail(key, "must be a whole number; got " + shown(value));
    return value.get<std::int64_t>();
  }

  double number(const std::string& key, double missing) const {
    if (!has(key)) return missing;
    const Json& value = json_.at(key);
    if (!value.is_number()) fail(key, "must be a number; got " + shown(value));
    return value.get<double>();
  }

  bool boolean(const std::string& key, bool missing) const {
    if (!has(key)) return missing;
    const Json& value = json_.at(key);
    if (!value.is_boolean()) fail(key, "must be true or false; got " + shown(value));
    return value.get<bool>();
  }

  std::string text(const std::string& key, const std::string& missing) const {
    if (!has(key)) return missing;
    const Json& value = json_.at(key);
    if (!value.is_string()) fail(key, "must be a text; got " + shown(value));
    return value.get<std::string>();
  }

  // An option whose every other value makes another network.
  void demand(const std::string& key, const Json& expected, const std::string& why) const {
    if (has(key) && json_.at(key) != expected) {
      fail(key, "is " + shown(json_.at(key)) + "; expected " + shown(expected) + " (" + why + ")");
    }
  }

  [[noreturn]] void fail(const std::string& key, const std::string& problem) const {
    throw std::runtime_error("[clip] " + file_.string() + ": " + path_of(key) + " " + problem + ".");
  }

  bool has(const std::string& key) const { return json_.contains(key) && !json_.at(key).is_null(); }

 private:
  std::string path_of(const std::string& key) const {
    if (key.empty()) return place_.empty() ? "the file" : place_;
    return place_.empty() ? key : place_ + "." + key;
  }

  static std::string shown(const Json& value) {
    const std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
    return text.size() > 60 ? text.substr(0, 57) + "..." : text;
  }

  Json json_;
  std::filesystem::path file_;
  std::string place_;
};

Section parse(const std::filesystem::path& file) {
  constexpr std::uint64_t kMostBytes = 1 << 20;  // real ones have a few thousand
  const std::vector<std::uint8_t> text = engine::ByteSource(file, "clip").read_all(kMostBytes);
  // What nests deeper than any config is passed over: copying and printing go by recursion.
  const Json json = Json::parse(
      text, [](int depth, Json::parse_event_t, Json&) { return depth < 16; }, false);
  if (json.is_discarded()) throw std::runtime_error("[clip] " + file.string() + ": is not valid JSON; fetch it again.");
  return {json, file, ""};
}

double ratio(const Section& section, const std::string& key, std::int64_t hidden, std::int64_t width) {
  if (width <= 0 || hidden <= 0) section.fail(key, "and the width must be positive");
  return static_cast<double>(hidden) / static_cast<double>(width);
}

// ---- Hugging Face ----

Activation hugging_face_activation(const Section& section) {
  const std::string name = section.text("hidden_act", "quick_gelu");
  if (name == "quick_gelu") return Activation::quick_gelu;
  if (name != "gelu") section.fail("hidden_act", "is '" + name + "'; expected 'quick_gelu' or 'gelu'");
  return Activation::gelu;
}

void demand_epsilon(const Section& section) {
  if (std::abs(section.number("layer_norm_eps", 1e-5) - 1e-5) > 1e-12)
    section.fail("layer_norm_eps", "must be 1e-5, as in every CLIP");
}

VitConfig hugging_face_image(const Section& vision, std::int64_t projection) {
  demand_epsilon(vision);
  vision.demand("num_channels", 3, "images are red, green and blue");
  VitConfig config;
  config.width = vision.integer("hidden_size", 768);
  config.depth = vision.integer("num_hidden_layers", 12);
  config.heads = vision.integer("num_attention_heads", 12);
  config.image_size = vision.integer("image_size", 224);
  config.patch = vision.integer("patch_size", 32);
  config.mlp_ratio = ratio(vision, "intermediate_size", vision.integer("intermediate_size", 3072), config.width);
  config.activation = hugging_face_activation(vision);
  config.embedding = projection;
  return config;
}

TextConfig hugging_face_text(const Section& text, std::int64_t projection) {
  demand_epsilon(text);
  TextConfig config;
  config.width = text.integer("hidden_size", 512);
  config.depth = text.integer("num_hidden_layers", 12);
  config.heads = text.integer("num_attention_heads", 8);
  config.context = text.integer("max_position_embeddings", 77);
  config.vocabulary = text.integer("vocab_size", 49408);
  config.mlp_ratio = ratio(text, "intermediate_size", text.integer("intermediate_size", 2048), config.width);
  config.activation = hugging_face_activation(text);
  config.embedding = projection;
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
    top.fail("model_type", "is '" + type +
                               "', another architecture; expected 'clip', 'clip_vision_model' or "
                               "'clip_text_model'");
  }
  return {hugging_face_image(tower(top, "vision_config", file), projection),
          hugging_face_text(tower(top, "text_config", file), projection)};
}

OrderedJson written_hugging_face(const ClipConfig& config) {
  const auto activation = [](Activation a) { return a == Activation::gelu ? "gelu" : "quick_gelu"; };
  const auto hidden = [](std::int64_t width, double ratio) { return std::llround(static_cast<double>(width) * ratio); };
  OrderedJson vision, text;
  std::int64_t projection = 512;
  if (const auto& c = config.image) {
    if (c->embedding > 0) projection = c->embedding;
    vision = {{"model_type", "clip_vision_model"},
              {"hidden_size", c->width},
              {"intermediate_size", hidden(c->width, c->mlp_ratio)},
              {"num_hidden_layers", c->depth},
              {"num_attention_heads", c->heads},
              {"num_channels", 3},
              {"image_size", c->image_size},
              {"patch_size", c->patch},
              {"hidden_act", activation(c->activation)},
              {"layer_norm_eps", 1e-5},
              {"projection_dim", projection}};
  }
  if (const auto& c = config.text) {
    if (c->embedding > 0) projection = c->embedding;
    text = {{"model_type", "clip_text_model"},
            {"hidden_size", c->width},
            {"intermediate_size", hidden(c->width, c->mlp_ratio)},
            {"num_hidden_layers", c->depth},
            {"num_attention_heads", c->heads},
            {"max_position_embeddings", c->context},
            {"vocab_size", c->vocabulary},
            {"bos_token_id", c->vocabulary - 2},
            {"eos_token_id", c->vocabulary - 1},
            {"hidden_act", activation(c->activation)},
            {"layer_norm_eps", 1e-5},
            {"projection_dim", projection}};
  }
  if (!config.text) return vision;
  if (!config.image) return text;
  return {{"architectures", {"CLIPModel"}},   {"model_type", "clip"}, {"projection_dim", projection},
          {"logit_scale_init_value", 2.6592}, {"text_config", text},  {"vision_config", vision}};
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

ClipConfig read_open_clip(const Section& file) {
  const Section top = file.section("model_cfg").value_or(file);
  const auto vision = top.section("vision_cfg");
  const auto text = top.section("text_cfg");
  if (!vision || !text)
    top.fail("", "needs vision_cfg and text_cfg, as open_clip's configs have; it is another config");
  for (const Section& each : {*vision, *text}) demand_plain_tower(each);
  vision->demand("pool_type", "tok", "the class token is taken");
  text->demand("pool_type", "argmax", "the token of the largest id is taken");
  const Activation activation = top.boolean("quick_gelu", false) ? Activation::quick_gelu : Activation::gelu;
  ClipConfig config;
  config.image.emplace();
  config.image->embedding = top.integer("embed_dim", 512);
  config.image->width = vision->integer("width", 768);
  config.image->depth = layers_of(*vision);
  const std::int64_t head_width = vision->integer("head_width", 64);
  if (head_width < 1) vision->fail("head_width", "must be at least 1");
  config.image->heads = config.image->width / head_width;
  config.image->mlp_ratio = vision->number("mlp_ratio", 4.0);
  config.image->patch = vision->integer("patch_size", 16);
  config.image->image_size = vision->integer("image_size", 224);
  config.image->activation = activation;
  config.text.emplace();
  config.text->embedding = config.image->embedding;
  config.text->context = text->integer("context_length", 77);
  config.text->vocabulary = text->integer("vocab_size", 49408);
  config.text->width = text->integer("width", 512);
  config.text->heads = text->integer("heads", 8);
  config.text->depth = layers_of(*text);
  config.text->mlp_ratio = text->number("mlp_ratio", 4.0);
  config.text->activation = activation;
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
              {"mlp_ratio", image.mlp_ratio},
              {"patch_size", image.patch}}},
            {"text_cfg",
             {{"context_length", text.context},
              {"vocab_size", text.vocabulary},
              {"width", text.width},
              {"heads", text.heads},
              {"layers", text.depth},
              {"mlp_ratio", text.mlp_ratio}}}}}};
}

}  // namespace

std::string clip_config_name(ClipLayout layout) {
  return layout == ClipLayout::open_clip ? "open_clip_config.json" : "config.json";
}

ClipConfig read_clip_config(const std::filesystem::path& file, ClipLayout layout) {
  const Section top = parse(file);
  return layout == ClipLayout::open_clip ? read_open_clip(top) : read_hugging_face(top, file);
}

void write_clip_config(const std::filesystem::path& file, ClipLayout layout, const ClipConfig& config) {
  const OrderedJson json =
      layout == ClipLayout::open_clip ? written_open_clip(config, file) : written_hugging_face(config);
  engine::write_text_file(file, json.dump(2) + "\n");
}

}  // namespace models
