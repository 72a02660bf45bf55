#include "experiments/arithmetic/sweep.hpp"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <variant>

#include "experiments/arithmetic/head_overlap.hpp"
#include "experiments/arithmetic/scores.hpp"
#include "experiments/arithmetic/task_arithmetic.hpp"
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

// The values in ascending order, each once. Throws if one is none that the number can have.
std::vector<double> checked_values(const Recipe& recipe, const SweepSettings& settings) {
  std::map<std::string, double> by_name;  // of the folder that it has
  for (const double value : settings.values) {
    try {
      models::Vit(with(recipe, settings.vary, value).vit);  // do width and heads, size and patch fit?
    } catch (const std::exception& error) {
      throw std::invalid_argument("[sweep] cannot vary " + settings.vary + " to " + written(value) + ": " +
                                  error.what());
    }
    const auto [known, is_new] = by_name.emplace(written(value), value);
    if (!is_new && known->second != value)
      throw std::invalid_argument("[sweep] two values of " + settings.vary + " are written " + known->first + ".");
  }
  std::vector<double> values;
  for (const auto& [name, value] : by_name) values.push_back(value);
  std::ranges::sort(values);
  return values;
}

// Does the pre-training depend on the number?
bool shapes_pretraining(const Recipe& recipe, const std::string& vary) {
  Recipe other = recipe;
  std::visit([&other](auto in) { *in(other) += 1; }, recipe_number(vary).in);
  return to_json(other.pretrain) != to_json(recipe.pretrain) || to_json(other.vit) != to_json(recipe.vit);
}

double overlap_of(const TaskVectorInputs& inputs) {
  const TextEmbedder& words = inputs.pretrained.words;
  std::vector<engine::Tensor> heads;
  for (const TaskSource& task : without_control(inputs)) heads.push_back(words.rows(words.prompts(task.text)));
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
  const std::set<std::uint64_t> seeds(settings.seeds.begin(), settings.seeds.end());
  if (values.empty() || seeds.empty())
    throw std::invalid_argument("[sweep] needs one value and one seed at least; arrived " +
                                std::to_string(values.size()) + " and " + std::to_string(seeds.size()) + ".");
  const Recipe first = with(context.recipe, settings.vary, values.front());  // what is varied decides nothing before
  const bool shares_pretraining = !shapes_pretraining(first, settings.vary);
  Json results{{"vary", settings.vary}, {"values", values},      {"seeds", seeds},          {"tasks", Json::array()},
               {"control", control},    {"runs", Json::array()}, {"summary", Json::array()}};
  for (const TaskSource& source : sources) {
    if (source.name != control) results["tasks"].push_back(source.name);
  }
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
  const Json manifest = folder.begin("sweep", fingerprint, *seeds.begin(), context.pool.threads());
  for (const double value : values) {
    const RunFolder of_value(folder / (settings.vary + "_" + written(value)));
    std::vector<Json> runs;
    for (const std::uint64_t seed : seeds) {
      const std::string name = "seed_" + std::to_string(seed);
      const Context own{with(context.recipe, settings.vary, value), seed, context.pool};
      const RunFolder here(of_value / name);
      const RunFolder pretrain_folder(shares_pretraining ? folder / name : here / "pretrain");
      Json run{
          {"value", value}, {"seed", seed}, {"final_loss", pretrain(own, sources, pretrain_folder).at("final_loss")}};
      Pretrained pretrained = load_pretrained(pretrain_folder / "pretrained.safetensors");
      pretrained.cut = settings.cut;
      const TaskVectorInputs inputs{pretrained, sources, control, here / "finetune"};
      run["head_overlap"] = overlap_of(inputs);
      finetune_all(own, pretrained, without_control(inputs), inputs.finetuned);
      run.update(task_arithmetic(own, inputs, settings.grid_images, here));
      results["runs"].push_back(run);
      runs.push_back(std::move(run));
    }
    results["summary"].push_back(summary_of(value, runs));
  }
  folder.finish(manifest, results);
  return results;
}

std::string sweep_table(const Json& results) {
  const std::size_t seeds = results.at("seeds").size();
  const auto vary = results.at("vary").get<std::string>();
  const auto three = [](double value) { return decimals(value, 3); };
  const auto one = [](double value) { return decimals(value, 1); };

  // A line of means for each value, and below it one of deviations if there are several seeds.
  bool some_missing = false;
  using Cells = std::vector<std::pair<Json, std::function<std::string(double)>>>;
  const auto table_of = [&](TextTable table, const auto& cells_of) {
    for (const Json& row : results.at("summary")) {
      const Cells cells = cells_of(row);
      for (const char* key : {"mean", "deviation"}) {
        const bool is_mean = std::string_view(key) == "mean";
        if (!is_mean && seeds == 1) continue;
        std::vector<std::string> texts;
        for (const auto& [number, write] : cells) {
          const Json value = number.is_null() ? Json(nullptr) : number.at(key);
          const bool of_all = number.is_null() || number.at("seeds").template get<std::size_t>() == seeds;
          texts.push_back(or_dash(value, write) + (is_mean && !of_all ? "*" : ""));
          some_missing = some_missing || !of_all;
        }
        table.row(is_mean ? written(row.at("value").get<double>()) : "  deviation", texts);
      }
    }
    return table.text();
  };
  const auto of_modes = [](Cells& cells, const Json& row, const char* quantity, const auto& write) {
    for (const char* mode : kModes) cells.emplace_back(row.at("modes").at(mode).at(quantity), write);
  };
  const auto headed = [&](TextTable table, const std::vector<std::string>& above, std::vector<std::string> names,
                          std::size_t groups) {
    table.row("", above);
    for (std::size_t i = 0; i < groups; ++i) names.insert(names.end(), kModes.begin(), kModes.end());
    table.row(vary, names);
    return table;
  };

  std::string text = "Against " + vary + ": test accuracy in percent, means over tasks";
  if (seeds > 1) text += "; mean and deviation over " + std::to_string(seeds) + " seeds";
  text += "\n" + table_of(headed(TextTable({4, 7}), {"", "", "", "", "single", "task", "", "all tasks", "added", ""},
                                 {"zero-shot", "loss", "scale", "overlap"}, 2),
                          [&](const Json& row) {
                            Cells cells{{row.at("zero_shot"), percent},
                                        {row.at("final_loss"), three},
                                        {row.at("logit_scale"), one},
                                        {row.at("head_overlap"), three}};
                            of_modes(cells, row, "single_task", percent);
                            of_modes(cells, row, "absolute", percent);
                            return cells;
                          });
  text +=
      "\nGap closed, (added - zero-shot) / (single - zero-shot), in percent; disentanglement error xi, mean over "
      "pairs and over [0,1]^2\n" +
      table_of(headed(TextTable({0, 3}), {"gap", "closed", "", "xi", "[0,1]^2", ""}, {}, 2), [&](const Json& row) {
        Cells cells;
        of_modes(cells, row, "gap_closed", percent);
        of_modes(cells, row, "xi_zero_to_one", three);
        return cells;
      });
  if (results.at("control") != "none") {
    text += "\nNegation: test accuracy in percent on the task whose vector is subtracted, and on the control (" +
            results.at("control").get<std::string>() + ")\n" +
            table_of(headed(TextTable({0, 3}), {"target", "", "", "control", "", ""}, {}, 2), [&](const Json& row) {
              Cells cells;
              of_modes(cells, row, "negation_target", percent);
              of_modes(cells, row, "negation_control", percent);
              return cells;
            });
  }
  TextTable paired;
  paired.row(vary, {"added", "normalised", "gap closed", "single task", "negated", "xi(1,1)", "xi [0,1]^2"});
  text += "\nLinear minus standard within each run: points of accuracy, and of xi\n" +
          table_of(paired, [&](const Json& row) {
            Cells cells;
            for (const char* quantity : {"absolute", "normalised", "gap_closed", "single_task", "negation_target"})
              cells.emplace_back(row.at("linear_minus_standard").at(quantity), percent);
            for (const char* quantity : {"xi_at_one", "xi_zero_to_one"})
              cells.emplace_back(row.at("linear_minus_standard").at(quantity), three);
            return cells;
          });
  return text + "chance " + percent(results.at("summary").at(0).at("chance").at("mean").get<double>()) +
         ";  loss: of pre-training, its last hundredth;  scale: the learned factor on the logits;\n"
         "overlap: share of a task's class contrasts that lies among another's\n" +
         (some_missing ? "*: not of all seeds, as some have no such number (no gap to close)\n" : "");
}

}  // namespace experiments
