#include "experiments/arithmetic/sweep.hpp"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <stdexcept>
#include <utility>
#include <variant>

#include "engine/tensor/atomic_file.hpp"
#include "engine/tensor/errors.hpp"
#include "experiments/arithmetic/head_overlap.hpp"
#include "experiments/arithmetic/scores.hpp"
#include "experiments/arithmetic/task_arithmetic.hpp"
#include "experiments/common/captions.hpp"
#include "experiments/common/finetuning.hpp"
#include "experiments/common/progress.hpp"
#include "experiments/common/recipe_numbers.hpp"
#include "experiments/common/text_table.hpp"
#include "models/vit.hpp"

namespace experiments {
namespace {

Recipe with(Recipe recipe, const std::string& vary, double value) {
  if (vary == kPretrainSteps && value == 0.0) {
    recipe.pretrain.steps = 0;  // the weights that all begin with
  } else {
    recipe_number(vary).set(recipe, value);
  }
  return recipe;
}

// The values in ascending order. Throws if one is none that the number can have, or is there twice.
std::vector<double> checked_values(const Recipe& recipe, const SweepSettings& settings) {
  std::set<std::string> names;  // of their folders
  for (const double value : settings.values) {
    const Recipe varied = with(recipe, settings.vary, value);
    try {
      trained_parameters(varied.finetune, models::Vit(varied.vit));  // do width and heads, size and patch fit?
      check_captions(varied.pretrain);
    } catch (const engine::NameError&) {  // of --train-only, not of the value
      throw;
    } catch (const std::exception& error) {
      throw std::invalid_argument("[sweep] cannot vary " + settings.vary + " to " + written(value) + ": " +
                                  error.what());
    }
    if (!names.insert(written(value)).second)
      throw std::invalid_argument("[sweep] two values of " + settings.vary + " are written " + written(value) + ".");
  }
  std::vector<double> values = settings.values;
  std::ranges::sort(values);
  return values;
}

// Does the pre-training depend on the number?
bool shapes_pretraining(const Recipe& recipe, const std::string& vary) {
  Recipe other = recipe;
  std::visit([&other](auto in) { *in(other) += 1; }, recipe_number(vary).in);
  return to_json(other.pretrain) != to_json(recipe.pretrain) || to_json(other.vit) != to_json(recipe.vit);
}

bool is_same(const Recipe& a, const Recipe& b) {
  return to_json(a.vit) == to_json(b.vit) && to_json(a.pretrain) == to_json(b.pretrain) &&
         to_json(a.finetune) == to_json(b.finetune);
}

// A copy that is there whole or not at all; what a killed run left of one, the next removes as it opens the folder around it.
void take_over(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (std::filesystem::exists(to)) return;
  std::filesystem::path unfinished = to;
  unfinished += engine::kUnfinished;
  std::filesystem::copy(from, unfinished, std::filesystem::copy_options::recursive);
  std::filesystem::rename(unfinished, to);
}

double overlap_of(const TaskVectorInputs& inputs) {
  const TextEmbedder& words = inputs.pretrained.words;
  std::vector<engine::Tensor> heads;
  for (const TaskSource& task : without_control(inputs).sources) heads.push_back(words.rows(words.prompts(task.text)));
  return head_overlap(heads);
}

// A number of a run by the path to it, "/modes/linear/xi/at_one"; none if it is null or not there.
std::optional<double> number_at(const Json& run, const std::string& path) {
  const Json::json_pointer place(path);
  if (!run.contains(place) || run.at(place).is_null()) return std::nullopt;
  return run.at(place).get<double>();
}

// Mean and deviation over the runs that have it, and how many those are; null if none does, the deviation also of one.
Json spread_of(const std::vector<Json>& runs, const std::function<std::optional<double>(const Json&)>& number) {
  std::vector<double> values;
  for (const Json& run : runs) {
    if (const std::optional<double> value = number(run)) values.push_back(*value);
  }
  if (values.empty()) return nullptr;
  const Spread over_seeds = spread(values);
  return {{"mean", over_seeds.mean},
          {"deviation", values.size() > 1 ? Json(over_seeds.deviation) : Json(nullptr)},
          {"seeds", values.size()}};
}

struct Quantity {
  std::string name;  // its key in the summary
  std::string path;  // below /modes/<mode>
};

const std::vector<Quantity>& quantities() {
  static const std::vector<Quantity> list{{"single_task", "/single_task"},
                                          {"absolute", "/absolute"},
                                          {"normalised", "/normalised"},
                                          {"gap_closed", "/gap_closed"},
                                          {"alpha", "/alpha"},
                                          {"validation_at_one", "/validation_at_one"},
                                          {"control", "/control"},
                                          {"xi_at_one", "/xi/at_one"},
                                          {"xi_zero_to_one", "/xi/mean_zero_to_one"},
                                          {"xi_search_box", "/xi/mean_search_box"},
                                          {"negation_target", "/negation/target"},
                                          {"negation_control", "/negation/control"}};
  return list;
}

Json summary_of(double value, const std::vector<Json>& runs) {
  Json summary{{"value", value}};
  for (const std::string key : {"final_loss", "logit_scale", "head_overlap", "chance", "zero_shot"})
    summary[key] = spread_of(runs, [&](const Json& run) { return number_at(run, "/" + key); });
  for (const auto& [name, path] : quantities()) {
    const auto of_mode = [&path = path](const Json& run, const std::string& mode) {
      return number_at(run, "/modes/" + mode + path);
    };
    for (const char* mode : kModes)
      summary["modes"][mode][name] = spread_of(runs, [&](const Json& run) { return of_mode(run, mode); });
    summary["linear_minus_standard"][name] = spread_of(runs, [&](const Json& run) -> std::optional<double> {
      const std::optional<double> linear = of_mode(run, "linear");
      const std::optional<double> standard = of_mode(run, "standard");
      if (!linear || !standard) return std::nullopt;
      return *linear - *standard;
    });
  }
  return summary;
}

}  // namespace

std::vector<double> default_lengths(std::int64_t steps) {
  const std::set<std::int64_t> lengths{0, steps / 64, steps / 16, steps / 4, steps};
  return {lengths.begin(), lengths.end()};
}

Json sweep(const Context& context, const std::vector<TaskSource>& sources, const std::string& control,
           const SweepSettings& settings, const RunFolder& folder) {
  const std::vector<double> values = checked_values(context.recipe, settings);
  std::set<std::uint64_t> seeds;
  for (const std::uint64_t seed : settings.seeds) {
    if (!seeds.insert(seed).second)
      throw std::invalid_argument("[sweep] the seed " + std::to_string(seed) + " is named twice.");
  }
  if (values.empty() || seeds.empty())
    throw std::invalid_argument("[sweep] needs one value and one seed at least; arrived " +
                                std::to_string(values.size()) + " and " + std::to_string(seeds.size()) + ".");
  const Recipe first = with(context.recipe, settings.vary, values.front());  // what is varied decides nothing before
  const bool shares_pretraining = !shapes_pretraining(first, settings.vary);
  Json results{{"vary", settings.vary},   {"values", values},
               {"seeds", seeds},          {"tasks", task_names(sources, control)},
               {"control", control},      {"runs", Json::array()},
               {"summary", Json::array()}};
  Json fingerprint{{"stage", "sweep"},
                   {"vary", settings.vary},
                   {"values", values},
                   {"seeds", seeds},
                   {"content", contents(sources)},
                   {"control", control},
                   {"grid_images", settings.grid_images},
                   {"vit", to_json(first.vit)},
                   {"pretrain", to_json(first.pretrain)},
                   {"finetune", to_json(first.finetune)},
                   {"arithmetic", arithmetic(first)}};
  note_cut(fingerprint, settings.cut);
  note_cut(results, settings.cut);
  const Json manifest = folder.begin("sweep", fingerprint, *seeds.begin(), context.pool.threads());
  double seconds = 0.0;  // of finished stages as well
  std::size_t done = 0;
  for (const double value : values) {
    const RunFolder of_value(folder / (settings.vary + "_" + written(value)));
    std::vector<Json> runs;
    for (const std::uint64_t seed : seeds) {
      const std::string name = "seed_" + std::to_string(seed);
      const Context own{with(context.recipe, settings.vary, value), seed, context.pool};
      say(settings.vary + " " + written(value) + ", seed " + std::to_string(seed) + ": run " + std::to_string(++done) +
          " of " + std::to_string(values.size() * seeds.size()));
      const RunFolder here(of_value / name);
      if (!settings.same_run.empty() && seed == context.seed && is_same(own.recipe, context.recipe)) {
        for (const char* stage : {"pretrain", "finetune"}) take_over(settings.same_run / stage, here / stage);
      }
      const RunFolder pretrain_folder(shares_pretraining ? folder / name : here / "pretrain");
      const Json pretraining = pretrain(own, sources, pretrain_folder);
      Json run{{"value", value}, {"seed", seed}, {"final_loss", pretraining.at("final_loss")}};
      Pretrained pretrained = load_pretrained(pretrain_folder / "pretrained.safetensors");
      pretrained.cut = settings.cut;
      const TaskVectorInputs inputs{pretrained, sources, control, here / "finetune"};
      run["head_overlap"] = overlap_of(inputs);
      if (!shares_pretraining || value == values.front()) seconds += pretraining.at("seconds").get<double>();
      seconds += finetune_all(own, pretrained, without_control(inputs).sources, inputs.finetuned);
      run.update(task_arithmetic(own, inputs, settings.grid_images, here));
      seconds += run.at("seconds").get<double>();
      run.erase("seconds");
      results["runs"].push_back(run);
      runs.push_back(std::move(run));
    }
    results["summary"].push_back(summary_of(value, runs));
  }
  results["seconds"] = seconds;
  folder.finish(manifest, results);
  return results;
}

}  // namespace experiments
