#include "experiments/common/pretraining.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "datasets/loader.hpp"
#include "engine/ops/ops.hpp"
#include "engine/tensor/hash.hpp"
#include "experiments/common/captions.hpp"
#include "experiments/common/progress.hpp"
#include "experiments/common/training_loop.hpp"
#include "experiments/common/training_state.hpp"
#include "models/contrastive.hpp"
#include "models/word_vectors.hpp"
#include "nn/checkpoint.hpp"

namespace experiments {

using engine::Tensor;

namespace {

constexpr double kInitialLogitScale =
    2.659260036932778;  // ln(1/0.07)                                [Radford et al. 2021, 2.5]
constexpr double kLargestLogitScale = 4.605170185988092;  // ln 100
constexpr std::uint64_t kCaptionStream = 0x434150;

// The web images of all tasks as one data set, whose label is the row of the image's caption in `texts`.
class Corpus final : public datasets::Dataset {
 public:
  void add(DatasetPtr images, std::span<const std::string> captions) {
    for (const std::string& caption : captions) {
      std::vector<std::string> words = models::content_words(caption);
      std::ranges::sort(words);
      std::string key;
      for (const std::string& word : words) key += word + " ";
      const auto [row, added] = rows_.emplace(key, static_cast<std::int64_t>(texts_.size()));
      if (added) texts_.push_back(caption);
      captions_.push_back(row->second);
    }
    parts_.push_back({std::move(images), size_});
    size_ += parts_.back().images->size();
  }
  const std::vector<std::string>& texts() const noexcept { return texts_; }  // one caption of each meaning

  std::int64_t size() const override { return size_; }
  std::int64_t image_size() const override { return parts_.front().images->image_size(); }
  std::span<const std::string> class_names() const override { return texts_; }
  std::int64_t label(std::int64_t index) const override { return captions_[static_cast<std::size_t>(index)]; }
  void read_image(std::int64_t index, std::span<float> chw) const override {
    const auto part = std::ranges::upper_bound(parts_, index, {}, &Part::begin) - 1;
    part->images->read_image(index - part->begin, chw);
  }

 private:
  struct Part {
    DatasetPtr images;
    std::int64_t begin;
  };
  std::vector<Part> parts_;
  std::int64_t size_ = 0;
  std::vector<std::int64_t> captions_;
  std::vector<std::string> texts_;
  std::map<std::string, std::int64_t> rows_;
};

std::shared_ptr<const Corpus> make_corpus(const Context& context, const std::vector<TaskSource>& sources) {
  const auto corpus = std::make_shared<Corpus>();
  // All pictures are decoded before the training, but for sets too large to be kept: a damaged one that only fine-tuning meets
  // would cost hours.
  Recipe whole = context.recipe;
  whole.finetune.random_crop = false;  // with it training pictures are decoded when they are cut
  for (const TaskSource& source : sources) {
    if (source.real) load_task(source, whole, context.seed, context.pool);
  }
  for (std::size_t domain = 0; domain < sources.size(); ++domain) {
    const DatasetPtr images = load_web(sources[domain], context.recipe, context.seed, context.pool);
    std::vector<std::string> captions;
    for (std::int64_t i = 0; i < images->size(); ++i) {
      engine::Random random({context.seed, kCaptionStream, domain, static_cast<std::uint64_t>(i)});
      captions.push_back(web_caption(sources[domain].text, images->label(i), context.recipe.pretrain, random));
    }
    corpus->add(images, captions);
  }
  return corpus;
}

Json fingerprint_of(const Context& context, const std::vector<TaskSource>& sources) {
  Json tasks = Json::array();
  for (const TaskSource& source : sources) tasks.push_back({{"name", source.name}, {"content", source.content}});
  return {{"stage", "pretrain"},
          {"seed", context.seed},
          {"tasks", std::move(tasks)},
          {"vit", to_json(context.recipe.vit)},
          {"pretrain", to_json(context.recipe.pretrain)},
          {"arithmetic", arithmetic(context.recipe)}};
}

std::vector<double> sampled(const std::vector<double>& losses) {  // about a hundred means, for a curve
  const std::size_t stride = std::max<std::size_t>(losses.size() / 100, 1);
  std::vector<double> means;
  for (std::size_t begin = losses.size() % stride; begin + stride <= losses.size(); begin += stride) {
    double total = 0.0;
    for (std::size_t i = begin; i < begin + stride; ++i) total += losses[i];
    means.push_back(total / static_cast<double>(stride));
  }
  return means;
}

}  // namespace

Pretrained untrained(const Context& context) {
  models::Vit vit(context.recipe.vit);
  nn::ParamTree theta0 = nn::initial_params(vit.layout(), context.seed);
  TextEmbedder words = word_vectors(vit.features());
  return {std::move(vit), std::move(theta0), kInitialLogitScale, std::move(words)};
}

Json pretrain(const Context& context, const std::vector<TaskSource>& sources, const RunFolder& folder) {
  const Stopwatch stopwatch;
  const PretrainRecipe& recipe = context.recipe.pretrain;
  check_captions(recipe);
  const models::Vit vit(context.recipe.vit);  // a recipe of no model is refused before anything is removed
  const Json fingerprint = fingerprint_of(context, sources);
  const std::filesystem::path file = folder / "pretrained.safetensors";
  if (const auto results = folder.already_done("pretrain", fingerprint, file)) return *results;
  const Json manifest = folder.begin("pretrain", fingerprint, context.seed, context.pool.threads(), file);
  if (recipe.steps == 0) {
    const Pretrained start = untrained(context);
    save_pretrained(file, start);
    const Json results{{"final_loss", nullptr},
                       {"logit_scale", std::exp(start.logit_scale)},
                       {"parameters", start.vit.layout()->numel()},
                       {"checksum", nn::checksum(start.theta0)},
                       {"seconds", stopwatch.seconds()}};
    folder.finish(manifest, results);
    return results;
  }

  const nn::Model model = vit.model();
  nn::ParamTree theta = nn::initial_params(vit.layout(), context.seed);
  nn::AdamW optimizer(vit.layout(), {.lr = recipe.lr, .beta2 = recipe.beta2, .weight_decay = recipe.weight_decay});
  nn::Layout scale_layout;
  const nn::ParamId logit_scale = nn::Scope(scale_layout).add("logit_scale", {}, {.constant = kInitialLogitScale});
  const auto shared_scale_layout = std::make_shared<const nn::Layout>(std::move(scale_layout));
  nn::ParamTree scale = nn::initial_params(shared_scale_layout, context.seed);
  nn::AdamW scale_optimizer(shared_scale_layout, {.lr = recipe.lr, .beta2 = recipe.beta2, .weight_decay = 0.0});
  const std::vector<TrainedGroup> groups{{"visual", &theta, &optimizer}, {"scale", &scale, &scale_optimizer}};

  const std::shared_ptr<const Corpus> corpus = make_corpus(context, sources);
  const Tensor texts = models::WordVectors(vit.features()).encode(corpus->texts());
  const datasets::Loader loader(
      corpus, {.batch_size = std::min(recipe.batch, corpus->size()), .seed = context.seed, .drop_last = true});

  const auto step = [&](std::int64_t index, const datasets::Batch& batch) {
    const std::span<const std::int64_t> captions(batch.labels.data<std::int64_t>(),
                                                 static_cast<std::size_t>(batch.labels.numel()));
    models::ContrastiveStep result = models::contrastive_step(model, theta, batch.images, texts, captions,
                                                              scale[logit_scale].item(), context.shards());
    const double lr_scale = nn::cosine_schedule(index, warmup_steps(recipe), recipe.steps);
    const nn::Clip clip = nn::clip_norm(result.gradient, 1.0, context.pool);
    optimizer.step(theta, result.gradient, context.pool, lr_scale, clip.factor);
    nn::ParamTree scale_gradient(shared_scale_layout);
    scale_gradient.writable().data<float>()[0] = static_cast<float>(result.logit_scale_bar);
    scale_optimizer.step(scale, scale_gradient, context.pool, lr_scale);
    float* value = scale.writable().data<float>();
    *value = std::min(*value, static_cast<float>(kLargestLogitScale));
    return result.loss;
  };
  const auto [losses, seconds] = run({.label = "pretrain",
                                      .steps = recipe.steps,
                                      .batch = recipe.batch,
                                      .loader = loader,
                                      .threads = context.pool.threads(),
                                      .step = step},
                                     folder / kCheckpoint, fingerprint, groups, stopwatch);

  const Pretrained pretrained{vit, std::move(theta), scale[logit_scale].item(), word_vectors(vit.features())};
  save_pretrained(file, pretrained);
  const std::vector<double> curve = sampled(losses);
  const Json results{{"final_loss", curve.back()},
                     {"logit_scale", std::exp(pretrained.logit_scale)},
                     {"parameters", vit.layout()->numel()},
                     {"captions", corpus->texts().size()},
                     {"checksum", nn::checksum(pretrained.theta0)},
                     {"losses", curve},
                     {"seconds", seconds}};
  folder.finish(manifest, results);
  std::filesystem::remove(folder / kCheckpoint);
  return results;
}

void note_model(nn::NamedTensors& tensors, nn::Metadata& metadata, const Pretrained& pretrained) {
  tensors.emplace("logit_scale", Tensor::full({}, pretrained.logit_scale, engine::DType::f64));
  metadata["vit"] = to_json(pretrained.vit.config()).dump();
}

void save_pretrained(const std::filesystem::path& file, const Pretrained& pretrained) {
  nn::NamedTensors tensors;
  nn::Metadata metadata{{"format", "pt"}};
  nn::put_params(tensors, pretrained.theta0, "visual.");
  note_model(tensors, metadata, pretrained);
  nn::write_safetensors(file, tensors, metadata);
}

Pretrained load_pretrained(const std::filesystem::path& file) {
  const std::string where = "[pretrained] " + file.string() + ": ";
  if (!std::filesystem::exists(file))
    throw std::runtime_error(where + "No such file; `pretrain` makes one, and --pretrained says where it is.");
  nn::SafetensorsFile saved = nn::read_safetensors(file);
  const auto config = saved.metadata.find("vit");
  const auto scale = saved.tensors.find("logit_scale");
  if (config == saved.metadata.end() || scale == saved.tensors.end() || scale->second.numel() != 1) {
    throw std::runtime_error(where +
                             "not a file of `pretrain`: it lacks the model's configuration or its logit_scale.");
  }
  if (const auto mode = saved.metadata.find("mode"); mode != saved.metadata.end() && mode->second == "linear") {
    throw std::runtime_error(where +
                             "fine-tuned in the tangent space: without its tangent model it means nothing; "
                             "`single_task` measures it.");
  }
  try {
    models::Vit vit(vit_config_from_json(Json::parse(config->second)));
    const double logit_scale = scale->second.item();
    saved.tensors.erase(scale);
    nn::ParamTree theta0 = nn::get_params(saved.tensors, vit.layout(), file, "visual.");
    TextEmbedder words = word_vectors(vit.features());
    return {std::move(vit), std::move(theta0), logit_scale, std::move(words)};
  } catch (const nlohmann::json::exception& error) {
    throw std::runtime_error(where + "its model configuration is damaged: " + error.what() + ".");
  }
}

std::string_view to_string(Cut cut) { return cut == Cut::features ? "features" : "logits"; }

void note_cut(Json& json, Cut cut) {
  if (cut != Cut::features) json["linearise"] = to_string(cut);
}

nn::Model Pretrained::model() const {
  if (cut == Cut::features) return vit.model();
  return [features = vit.model()](const nn::Params& theta, const engine::Var& images) {
    return engine::l2_normalize(features(theta, images));
  };
}

std::string Pretrained::identity() const {
  engine::Hash hash;
  hash.add(nn::checksum(theta0));
  hash.add(to_json(vit.config()).dump());
  hash.add(std::bit_cast<std::uint64_t>(logit_scale));
  if (!words.identity.empty()) hash.add(words.identity);
  if (normalisation != datasets::Normalisation{}) {
    for (const auto* const values : {&normalisation.mean, &normalisation.deviation}) {
      for (const float value : *values) hash.add(std::uint64_t{std::bit_cast<std::uint32_t>(value)});
    }
  }
  return hash.hex();
}

void note_words(Json& fingerprint, const Pretrained& pretrained, const std::string& task,
                const datasets::TaskText& text) {
  if (pretrained.words.identity.empty()) return;  // the identity of `pretrain`'s weights tells
  engine::Hash hash;
  for (const std::vector<std::string>& of_class : pretrained.words.prompts(text)) {
    hash.add(of_class.size());
    for (const std::string& prompt : of_class) {
      hash.add(prompt.size());
      hash.add(prompt);
    }
  }
  fingerprint["words"][task] = hash.hex();
}

models::ZeroShotHead zero_shot_head(const Pretrained& pretrained, const datasets::TaskText& text) {
  return {pretrained.words.rows(pretrained.words.prompts(text)), std::exp(pretrained.logit_scale),
          pretrained.cut == Cut::logits ? models::HeadInput::normalised : models::HeadInput::of_any_length};
}

}  // namespace experiments
