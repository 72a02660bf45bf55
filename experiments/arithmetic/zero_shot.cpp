#include "experiments/arithmetic/zero_shot.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "datasets/loader.hpp"
#include "engine/ops/ops.hpp"
#include "experiments/arithmetic/scores.hpp"
#include "experiments/common/captions.hpp"
#include "experiments/common/interrupt.hpp"
#include "experiments/common/progress.hpp"
#include "experiments/common/stopwatch.hpp"
#include "experiments/common/text_table.hpp"
#include "nn/safetensors.hpp"

namespace experiments {
namespace {

using engine::Tensor;

constexpr std::int64_t kFew = 5;               // of top-5 accuracy
constexpr std::size_t kMostConfusions = 10;    // shown and kept
constexpr std::size_t kMostClassesShown = 20;  // all of them; else the worst
constexpr const char* kLogits = "logits.safetensors";

std::string to_string(datasets::Split split) {
  return split == datasets::Split::train ? "train" : split == datasets::Split::validation ? "validation" : "test";
}

// Of each image, in their order.
struct Answers {
  std::vector<std::int64_t> labels;
  std::vector<std::int64_t> predicted;
  std::vector<std::int64_t> rank;  // how many classes have a larger logit than the right one
  std::optional<Tensor> logits;    // [N, K], if asked for
};

Answers answer(const Context& context, const Pretrained& pretrained, const models::ZeroShotHead& head,
               const datasets::Dataset& images, bool keep_logits, const std::string& label) {
  const std::int64_t N = images.size();
  const std::int64_t K = head.classes();
  const auto count = static_cast<std::size_t>(N);
  Answers answers{std::vector<std::int64_t>(count), std::vector<std::int64_t>(count), std::vector<std::int64_t>(count),
                  std::nullopt};
  float* kept = nullptr;
  if (keep_logits) kept = answers.logits.emplace(Tensor::zeros({N, K})).writable().data<float>();
  const nn::Model model = pretrained.model();
  const nn::Params params(pretrained.theta0);
  Progress progress(label, N, 0, 1, "images");
  std::mutex mutex;  // guards progress and done
  std::int64_t done = 0;
  context.pool.run(engine::shard_count(N, context.recipe.shard_size), [&](std::int64_t shard) {
    stop_stage_if_asked("evaluating");
    const auto [begin, end] = engine::shard_range(shard, N, context.recipe.shard_size);
    const datasets::Batch batch = datasets::load_range(images, begin, end);
    const Tensor features = model(params, batch.images).tensor();
    const std::vector<std::int64_t> predicted = head.predict(features);
    const Tensor logits = head.logits(features).tensor().contiguous();
    for (std::int64_t i = begin; i < end; ++i) {
      const float* const row = logits.data<float>() + (i - begin) * K;
      const auto at = static_cast<std::size_t>(i);
      answers.labels[at] = batch.labels.data<std::int64_t>()[i - begin];
      answers.predicted[at] = predicted[static_cast<std::size_t>(i - begin)];
      const float right = row[answers.labels[at]];
      answers.rank[at] = std::count_if(row, row + K, [right](float logit) { return logit > right; });
      if (kept != nullptr) std::copy_n(row, K, kept + i * K);
    }
    const std::lock_guard lock(mutex);
    progress.update(done += end - begin);
  });
  return answers;
}

Json summary(const Answers& answers, const std::vector<std::string>& names) {
  const std::size_t K = names.size();
  std::vector<std::int64_t> of_class(K);
  std::vector<std::int64_t> correct(K);
  std::map<std::pair<std::int64_t, std::int64_t>, std::int64_t> mistakes;
  std::int64_t right = 0;
  std::int64_t near = 0;
  for (std::size_t i = 0; i < answers.labels.size(); ++i) {
    const auto label = static_cast<std::size_t>(answers.labels[i]);
    const bool hit = answers.predicted[i] == answers.labels[i];
    ++of_class[label];
    correct[label] += hit ? 1 : 0;
    right += hit ? 1 : 0;
    near += answers.rank[i] < kFew ? 1 : 0;
    if (!hit) ++mistakes[{answers.labels[i], answers.predicted[i]}];
  }
  const auto N = static_cast<double>(answers.labels.size());
  std::vector<double> accuracies;
  Json per_class = Json::array();
  for (std::size_t c = 0; c < K; ++c) {
    if (of_class[c] > 0) accuracies.push_back(static_cast<double>(correct[c]) / static_cast<double>(of_class[c]));
    per_class.push_back({{"class", names[c]}, {"images", of_class[c]}, {"correct", correct[c]}});
  }
  std::vector<std::pair<std::pair<std::int64_t, std::int64_t>, std::int64_t>> ordered(mistakes.begin(), mistakes.end());
  std::ranges::stable_sort(ordered, std::greater<>(), [](const auto& mistake) { return mistake.second; });
  Json confusions = Json::array();
  for (std::size_t i = 0; i < std::min(ordered.size(), kMostConfusions); ++i) {
    const auto& [classes, images] = ordered[i];
    confusions.push_back({{"class", names[static_cast<std::size_t>(classes.first)]},
                          {"predicted", names[static_cast<std::size_t>(classes.second)]},
                          {"images", images}});
  }
  const bool many = static_cast<std::int64_t>(K) > kFew;
  return {{"accuracy", static_cast<double>(right) / N},
          {"top5", many ? Json(static_cast<double>(near) / N) : Json(nullptr)},
          {"mean_per_class", mean(accuracies)},
          {"per_class", per_class},
          {"confusions", confusions}};
}

}  // namespace

Json zero_shot(const Context& context, const Pretrained& pretrained, const TaskSource& source,
               const ZeroShotSettings& settings, const RunFolder& folder) {
  Json fingerprint{{"stage", "zero_shot"},
                   {"seed", context.seed},
                   {"task", source.name},
                   {"content", source.content},
                   {"pretrained", pretrained.identity()},
                   {"split", to_string(settings.split)},
                   {"images", settings.images},
                   {"logits", settings.logits},
                   {"arithmetic", arithmetic(context.recipe)}};
  note_words(fingerprint, pretrained, source.name, source.text);
  const std::filesystem::path file = settings.logits ? folder / kLogits : std::filesystem::path();
  const std::string label = "zero-shot " + source.name;
  if (const auto results = folder.already_done(label, fingerprint, file)) return *results;
  const Json manifest = folder.begin("zero_shot", fingerprint, context.seed, context.pool.threads(), file);
  std::filesystem::remove(folder / kLogits);  // of another run, also where this one writes none
  const Stopwatch of_head;
  const models::ZeroShotHead head = zero_shot_head(pretrained, source.text);
  const double head_seconds = of_head.seconds();
  const DatasetPtr images = images_of(source, settings.split, settings.images, context.recipe, context.seed);
  const Stopwatch of_images;
  const Answers answers = answer(context, pretrained, head, *images, settings.logits, label);
  const double seconds = of_images.seconds();
  if (answers.logits) {
    const Tensor labels = Tensor::from<std::int64_t>(answers.labels, {images->size()});
    nn::write_safetensors(file, {{"logits", *answers.logits}, {"labels", labels}});
  }
  const std::vector<std::vector<std::string>> prompts = pretrained.words.prompts(source.text);
  Json results{{"task", source.name},       {"split", to_string(settings.split)}, {"images", images->size()},
               {"classes", head.classes()}, {"prompts", prompts.front().size()},  {"example", prompts.front().front()}};
  results.update(summary(answers, plain_names(source.text)));
  results["seconds"] = seconds;
  results["images_per_second"] = static_cast<double>(images->size()) / seconds;
  results["head_seconds"] = head_seconds;
  folder.finish(manifest, results);
  return results;
}

std::string zero_shot_table(const Json& results) {
  const auto share = [](const Json& of) {
    const auto images = of.at("images").get<double>();
    return images > 0.0 ? of.at("correct").get<double>() / images : 1.0;  // a class without images is not the worst
  };
  std::vector<Json> classes = results.at("per_class").get<std::vector<Json>>();
  const bool all = classes.size() <= kMostClassesShown;
  if (!all) {
    std::ranges::stable_sort(classes, {}, share);
    classes.resize(kMostConfusions);
  }
  TextTable table;
  table.row(all ? "class" : "the worst classes", {"images", "accuracy"});
  for (const Json& of : classes) {
    const auto images = of.at("images").get<std::int64_t>();
    table.row(of.at("class").get<std::string>(), {std::to_string(images), images > 0 ? percent(share(of)) : "-"});
  }
  std::string text = "Zero-shot accuracy on " + results.at("task").get<std::string>() + " (" +
                     results.at("split").get<std::string>() + ", " +
                     std::to_string(results.at("images").get<std::int64_t>()) + " images, " +
                     std::to_string(results.at("classes").get<std::int64_t>()) +
                     " classes): " + percent(results.at("accuracy").get<double>()) + " %";
  if (!results.at("top5").is_null()) text += ", top 5 " + percent(results.at("top5").get<double>()) + " %";
  text += ", mean over classes " + percent(results.at("mean_per_class").get<double>()) + " %\n\n" + table.text();
  if (!results.at("confusions").empty()) {
    TextTable confusions;
    confusions.row("most confused", {"taken for", "images"});
    for (const Json& of : results.at("confusions")) {
      confusions.row(of.at("class").get<std::string>(),
                     {of.at("predicted").get<std::string>(), std::to_string(of.at("images").get<std::int64_t>())});
    }
    text += "\n" + confusions.text();
  }
  const auto prompts = results.at("prompts").get<std::int64_t>();
  return text + "\n" + std::to_string(prompts) + (prompts == 1 ? " prompt" : " prompts") + " a class, such as '" +
         results.at("example").get<std::string>() + "'; " + decimals(results.at("images_per_second").get<double>(), 1) +
         " images a second\n";
}

}  // namespace experiments
