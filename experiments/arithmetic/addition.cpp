#include "experiments/arithmetic/addition.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>

#include "experiments/arithmetic/features.hpp"
#include "experiments/arithmetic/reference_files.hpp"
#include "experiments/arithmetic/subsets.hpp"
#include "experiments/common/interrupt.hpp"
#include "experiments/common/progress.hpp"
#include "experiments/common/text_table.hpp"

namespace experiments {
namespace {

using Values = std::vector<double>;

constexpr std::array<const char*, 3> kQuantities{"absolute", "normalised", "gap_closed"};

enum class Split : std::size_t { validation, test };

// Accuracies of one task on one split.
struct Baseline {
  double zero_shot;
  std::map<std::string, double> single;  // of its own fine-tuned model, per mode
};

// Over the tasks of a sum.
struct Averages {
  double absolute;
  std::optional<double> normalised;  // none where no single-task model gets anything right
  std::optional<double> gap_closed;  // none where fine-tuning gained nothing
};

Averages averages(const Values& added, const Values& single, const Values& zero_shot) {
  return {mean(added), normalised(added, single), gap_closed(added, single, zero_shot)};
}

Json to_json(const Averages& of) {
  return {{"absolute", of.absolute}, {"normalised", or_null(of.normalised)}, {"gap_closed", or_null(of.gap_closed)}};
}

// What one mode makes of one sum of task vectors. The tasks are those of the sum, in its order.
struct Sum {
  double alpha;
  Values test;                     // accuracy of each task at that α
  Averages average;                // of these
  std::vector<Values> validation;  // of each task, its accuracy at each α of the grid
  std::vector<Averages> curve;     // of these, at each α
};

class Addition {
 public:
  Addition(const Context& context, const Pretrained& pretrained, const std::vector<TaskVectors>& tasks,
           const AdditionOptions& options)
      : shards_(context.shards()),
        model_(pretrained.model()),
        tangent_model_(model_, pretrained.theta0),
        tasks_(tasks),
        modes_(modes_of(tasks)),
        alphas_(alpha_grid(options.alpha_step)) {
    const auto n = static_cast<std::int64_t>(tasks.size());
    for (const std::int64_t size : subset_sizes(n)) {
      if (size < n && options.subsets == 0) continue;
      families_.push_back(task_subsets(n, size, size < n ? options.subsets : 1, context.seed));
    }
    for (const TaskVectors& task : tasks) heads_.push_back(zero_shot_head(pretrained, task.task.text));
    for (std::size_t t = 0; t < tasks.size(); ++t) directions_.push_back(directions_for(t));
  }

  Json run(const Pretrained& pretrained, const TaskData* control) {
    std::int64_t sums = 0;
    for (const std::vector<Subset>& family : families_) sums += static_cast<std::int64_t>(family.size());
    Progress progress(
        "task addition",
        static_cast<std::int64_t>(2 * tasks_.size()) + sums * static_cast<std::int64_t>(modes_.size() * alphas_.size()),
        0, 1, "evaluations");
    std::int64_t done = 0;
    for (std::size_t t = 0; t < tasks_.size(); ++t) {
      stop_stage_if_asked("evaluating");
      evaluate_alone(t);
      progress.update(done += 2);
    }
    Json subsets = Json::array();
    std::map<std::string, Sum> all;
    for (const std::vector<Subset>& family : families_) {
      std::map<std::string, std::vector<Sum>> of_mode;
      for (const char* mode : modes_) {
        for (const Subset& subset : family) of_mode[mode].push_back(add(mode, subset, progress, done));
      }
      subsets.push_back(describe(family, of_mode));
      if (family.front().size() < tasks_.size()) continue;
      for (const char* mode : modes_) all.emplace(mode, std::move(of_mode.at(mode).front()));
    }
    Json json = describe(all);
    if (control != nullptr) json["control"] = control_accuracies(pretrained, *control, all);
    json["subsets"] = std::move(subsets);
    return json;
  }

 private:
  // The sums of task vectors along which a task's images need a tangent: its own and those it takes part in; or, where
  // there are more of these than tasks, each task's, of which every sum is made.
  std::vector<Subset> directions_for(std::size_t t) const {
    std::vector<Subset> directions{{t}};
    for (const std::vector<Subset>& family : families_) {
      for (const Subset& subset : family) {
        if (is_member(subset, t) && std::ranges::find(directions, subset) == directions.end())
          directions.push_back(subset);
      }
    }
    if (directions.size() <= tasks_.size()) return directions;
    directions.clear();
    for (std::size_t s = 0; s < tasks_.size(); ++s) directions.push_back({s});
    return directions;
  }

  // Which tangents of task t add up to that of `subset`. Those of linear vectors lie behind those of standard ones.
  std::vector<std::size_t> tangents_of(std::size_t t, const Subset& subset, std::string_view mode) const {
    const std::vector<Subset>& directions = directions_[t];
    const std::size_t first = mode == "linear" ? directions.size() : 0;
    const auto index_of = [&](const Subset& sum) {
      return static_cast<std::size_t>(std::ranges::find(directions, sum) - directions.begin());
    };
    if (const std::size_t index = index_of(subset); index < directions.size()) return {first + index};
    std::vector<std::size_t> indices;
    for (const std::size_t s : subset) indices.push_back(first + index_of({s}));
    return indices;
  }

  // The modes that vectors are fine-tuned in, in the order of the tangents along them.
  std::vector<const char*> trained_modes() const {
    return modes_.size() == kModes.size() ? std::vector<const char*>{"standard", "linear"}
                                          : std::vector<const char*>{"standard"};
  }

  nn::ParamTree sum_of(const Subset& subset, std::string_view mode) const {
    nn::ParamTree sum(tangent_model_.theta0().shared_layout());
    for (const std::size_t t : subset) sum.axpy(1.0, mode == "linear" ? tasks_[t].linear.value() : tasks_[t].standard);
    return sum;
  }

  const datasets::Dataset& images(std::size_t t, Split split) const {
    return split == Split::validation ? *tasks_[t].task.validation : *tasks_[t].task.test;
  }

  // Accuracy on one task's images of the three models without a sum, and the tangents for those with one.
  void evaluate_alone(std::size_t t) {
    std::vector<nn::ParamTree> directions;
    for (const char* mode : trained_modes()) {
      for (const Subset& subset : directions_[t]) directions.push_back(sum_of(subset, mode));
    }
    for (const Split split : {Split::validation, Split::test}) {
      cached_[split].push_back(tangent_features(tangent_model_, images(t, split), directions, shards_));
      const TangentFeatures& tangent = cached_[split].back();
      baselines_[split].push_back({accuracy(heads_[t], {tangent.primal, tangent.labels}), {}});
      for (const char* mode : modes_) {
        const nn::ParamTree own = sum_of({t}, mode);
        baselines_[split].back().single[mode] = accuracy_of(mode, {t}, own, t, split, 1.0);
      }
    }
  }

  // Of θ0 + α Σ τ over the subset, whose sum of task vectors is `tau`: a pass for the network, arithmetic for the others.
  double accuracy_of(std::string_view mode, const Subset& subset, const nn::ParamTree& tau, std::size_t t, Split split,
                     double alpha) const {
    if (mode == "standard")
      return accuracy(heads_[t], features(model_, tangent_model_.theta0() + alpha * tau, images(t, split), shards_));
    return accuracy(heads_[t], cached_.at(split)[t].at(alpha, tangents_of(t, subset, mode)));
  }

  Sum add(const char* mode, const Subset& subset, Progress& progress, std::int64_t& done) const {
    const nn::ParamTree tau = sum_of(subset, mode);
    Sum sum{0.0, {}, {}, std::vector<Values>(subset.size()), {}};
    const Values alone = single(subset, mode, Split::validation);
    std::vector<Values> added;  // by α
    for (const double alpha : alphas_) {
      stop_stage_if_asked("evaluating");
      Values& here = added.emplace_back();
      for (std::size_t i = 0; i < subset.size(); ++i) {
        here.push_back(accuracy_of(mode, subset, tau, subset[i], Split::validation, alpha));
        sum.validation[i].push_back(here.back());
      }
      sum.curve.push_back(averages(here, alone, zero_shot(subset, Split::validation)));
      progress.update(++done);
    }
    sum.alpha = choose_addition_alpha(alphas_, added, alone);
    for (const std::size_t t : subset) sum.test.push_back(accuracy_of(mode, subset, tau, t, Split::test, sum.alpha));
    sum.average = averages(sum.test, single(subset, mode, Split::test), zero_shot(subset, Split::test));
    return sum;
  }

  Values single(const Subset& subset, const char* mode, Split split) const {
    Values values;
    for (const std::size_t t : subset) values.push_back(baselines_.at(split)[t].single.at(mode));
    return values;
  }

  Values zero_shot(const Subset& subset, Split split) const {
    Values values;
    for (const std::size_t t : subset) values.push_back(baselines_.at(split)[t].zero_shot);
    return values;
  }

  Json names(const Subset& subset) const {
    Json array = Json::array();
    for (const std::size_t t : subset) array.push_back(tasks_[t].task.name);
    return array;
  }

  template <class T>
  Json by_task(const std::vector<T>& values) const {  // of all tasks
    Json map = Json::object();
    for (std::size_t t = 0; t < tasks_.size(); ++t) map[tasks_[t].task.name] = values[t];
    return map;
  }

  static Json curve_of(const std::vector<Averages>& curve) {
    Json json;
    for (const Averages& at : curve) {
      const Json point = to_json(at);
      for (const char* quantity : kQuantities) json[quantity].push_back(point.at(quantity));
    }
    return json;
  }

  // The sum of all tasks.
  Json describe(const std::map<std::string, Sum>& all) const {
    const Subset everything = families_.back().front();
    Json json{{"tasks", names(everything)},
              {"zero_shot", by_task(zero_shot(everything, Split::test))},
              {"zero_shot_validation", by_task(zero_shot(everything, Split::validation))}};
    for (const char* mode : modes_) {
      const Sum& sum = all.at(mode);
      const Json curve = curve_of(sum.curve);
      json["single_task"][mode] = by_task(single(everything, mode, Split::test));
      json["single_task_validation"][mode] = by_task(single(everything, mode, Split::validation));
      Json& of = json["addition"][mode];
      of["alpha"] = sum.alpha;
      of.update(to_json(sum.average));
      of["left_out"] = Json::array();
      for (const auto& [task, single_accuracy] : json["single_task"][mode].items()) {
        if (single_accuracy == 0.0) of["left_out"].push_back(task);
      }
      of["per_task"] = by_task(sum.test);
      of["validation_curve"] = curve.at("normalised");
      of["validation_per_task"] = by_task(sum.validation);
      of["curve"] = curve;
    }
    json["alpha_grid"] = alphas_;
    return json;
  }

  // The sums of one size: each, then mean and standard deviation over them.
  Json describe(const std::vector<Subset>& family, const std::map<std::string, std::vector<Sum>>& of_mode) const {
    const auto size = static_cast<std::int64_t>(family.front().size());
    Json json{{"size", size}, {"possible", subset_count(static_cast<std::int64_t>(tasks_.size()), size)}};
    for (std::size_t i = 0; i < family.size(); ++i) {
      Json sum{{"tasks", names(family[i])}, {"zero_shot", mean(zero_shot(family[i], Split::test))}};
      for (const char* mode : modes_) {
        const Sum& of = of_mode.at(mode)[i];
        sum[mode] = {{"alpha", of.alpha}, {"single_task", mean(single(family[i], mode, Split::test))}};
        sum[mode].update(to_json(of.average));
      }
      json["sums"].push_back(std::move(sum));
    }
    for (const char* mode : modes_) {
      for (const char* quantity : {"alpha", "absolute", "normalised", "gap_closed"}) {
        Values values;
        for (const Json& sum : json["sums"]) {
          if (const Json& value = sum.at(mode).at(quantity); !value.is_null()) values.push_back(value.get<double>());
        }
        Json& into = json["summary"][mode][quantity];
        if (values.empty()) continue;  // null
        const Spread over = spread(values);
        into = {{"mean", over.mean}, {"deviation", over.deviation}, {"sums", values.size()}};
      }
    }
    return json;
  }

  // What addition does to a task that was never fine-tuned on.
  Json control_accuracies(const Pretrained& pretrained, const TaskData& control,
                          const std::map<std::string, Sum>& all) const {
    const models::ZeroShotHead head = zero_shot_head(pretrained, control.text);
    const Subset& everything = families_.back().front();
    std::vector<nn::ParamTree> directions;
    for (const char* mode : trained_modes()) directions.push_back(sum_of(everything, mode));
    const TangentFeatures cached = tangent_features(tangent_model_, *control.test, directions, shards_);
    const nn::ParamTree theta = tangent_model_.theta0() + all.at("standard").alpha * directions[0];
    Json json{{"task", control.name},
              {"zero_shot", accuracy(head, {cached.primal, cached.labels})},
              {"standard", accuracy(head, features(model_, theta, *control.test, shards_))},
              {"posthoc", accuracy(head, cached.at(all.at("posthoc").alpha, 0))}};
    if (all.contains("linear")) json["linear"] = accuracy(head, cached.at(all.at("linear").alpha, 1));
    return json;
  }

  nn::Shards shards_;
  nn::Model model_;
  nn::TangentModel tangent_model_;
  const std::vector<TaskVectors>& tasks_;
  std::vector<const char*> modes_;
  Values alphas_;
  std::vector<std::vector<Subset>> families_;  // of each size; the last holds the one of all tasks
  std::vector<models::ZeroShotHead> heads_;
  std::vector<std::vector<Subset>> directions_;  // of each task, what its tangents are along
  std::map<Split, std::vector<TangentFeatures>> cached_;
  std::map<Split, std::vector<Baseline>> baselines_;
};

}  // namespace

AdditionOptions addition_options(std::string_view preset) {
  return of_preset<AdditionOptions>(preset, {.subsets = 2}, {.subsets = 4}, {.subsets = 8});
}

Json task_addition(const Context& context, const TaskVectorInputs& inputs, const RunFolder& folder,
                   const AdditionOptions& options) {
  alpha_grid(options.alpha_step);  // refuses a step before anything is loaded
  TaskVectorInputs given = inputs;
  given.linear = Linear::if_there;
  return task_vector_stage(
      "task_addition", context, given, {{"alpha_step", options.alpha_step}, {"subsets", options.subsets}}, folder,
      [&](const std::vector<TaskVectors>& tasks, const TaskData* control) {
        Json results = Addition(context, inputs.pretrained, tasks, options).run(inputs.pretrained, control);
        write_reference_additions(folder / "reference", results);
        return results;
      });
}

std::string addition_table(const Json& results) {
  const Json& single = results.at("single_task");
  const Json& addition = results.at("addition");
  const std::vector<const char*> modes = modes_in(addition);
  TextTable table({1, 1 + modes.size()});
  std::vector<std::string> above{"", "single", "task"};
  above.resize(1 + modes.size());
  above.insert(above.end(), {"all tasks", "added"});
  above.resize(1 + 2 * modes.size());
  table.row("", above);
  std::vector<std::string> heading{"zero-shot"};
  for (int part = 0; part < 2; ++part) heading.insert(heading.end(), modes.begin(), modes.end());
  table.row("task", heading);
  const auto accuracies = [&](const std::string& name, const auto& of) {
    std::vector<std::string> cells{percent(of(results.at("zero_shot")))};
    for (const char* mode : modes) cells.push_back(percent(of(single.at(mode))));
    for (const char* mode : modes) cells.push_back(percent(of(addition.at(mode).at("per_task"))));
    table.row(name, cells);
  };
  for (const Json& name : results.at("tasks")) {
    const std::string task = name.get<std::string>();
    accuracies(task, [&](const Json& map) { return map.at(task).get<double>(); });
  }
  accuracies("average", [](const Json& map) { return average(map); });
  const auto summary = [&](const std::string& name, const auto& cell) {
    std::vector<std::string> cells(1 + modes.size());
    for (const char* mode : modes) cells.push_back(cell(addition.at(mode)));
    table.row(name, cells);
  };
  summary("normalised", [](const Json& mode) { return or_dash(mode.at("normalised"), percent); });
  summary("gap closed", [](const Json& mode) { return or_dash(mode.at("gap_closed"), percent); });
  summary("alpha", [](const Json& mode) { return decimals(mode.at("alpha").get<double>(), 2); });
  if (results.contains("control")) {
    const Json& control = results.at("control");
    std::vector<std::string> cells{percent(control.at("zero_shot").get<double>())};
    cells.resize(1 + modes.size());
    for (const char* mode : modes) cells.push_back(percent(control.at(mode).get<double>()));
    table.row("(" + control.at("task").get<std::string>() + ")", cells);
  }
  std::string left_out;
  for (const std::string mode : modes) {
    for (const Json& task : addition.at(mode).value("left_out", Json::array()))
      left_out += (left_out.empty() ? "" : ", ") + task.get<std::string>() + " (" + mode + ")";
  }
  return "Test accuracy in percent\n" + table.text() +
         "normalised: mean of accuracy / single-task accuracy of the same mode;  gap closed: (added - zero-shot) / "
         "(single - zero-shot)\n"
         "one alpha for all tasks, chosen on validation images" +
         (results.contains("control") ? ";  last row: the control task, never fine-tuned on\n" : "\n") +
         (left_out.empty()
              ? ""
              : "left out of normalised, since the single-task model gets no test image right: " + left_out + "\n") +
         without_mode(addition) + about_cut(results);
}

std::string addition_details(const Json& results) {
  const std::vector<const char*> modes = modes_in(results.at("addition"));
  const auto heading = [&](TextTable& table, const std::string& name) {
    std::vector<std::string> above;
    std::vector<std::string> below;
    for (const std::array<const char*, 2>& words :
         {std::array{"absolute", ""}, {"norma-", "lised"}, {"gap", "closed"}}) {
      above.insert(above.end(), words.begin(), words.end());
      below.insert(below.end(), modes.begin(), modes.end());
      above.resize(below.size());
    }
    table.row("", above);
    table.row(name, below);
  };
  const auto row = [&](TextTable& table, const std::string& name, const auto& value, const auto& mark) {
    std::vector<std::string> cells;
    for (const char* quantity : kQuantities) {
      for (const char* mode : modes) cells.push_back(or_dash(value(mode, quantity), percent) + mark(mode, quantity));
    }
    table.row(name, cells);
  };
  const auto unmarked = [](const char*, const char*) { return ""; };

  const std::vector<std::size_t> bars{0, modes.size(), 2 * modes.size()};
  TextTable sizes(bars);
  heading(sizes, "K (sums)");
  for (const Json& family : results.at("subsets")) {
    const auto of = [&](const char* key) {
      return [&family, key](const char* mode, const char* quantity) {
        const Json& values = family.at("summary").at(mode).at(quantity);
        return values.is_null() ? values : values.at(key);
      };
    };
    const std::size_t count = family.at("sums").size();
    const auto star = [&](const char* mode, const char* quantity) {
      const Json& values = family.at("summary").at(mode).at(quantity);
      const bool of_some =
          !values.is_null() && values.value("sums", count) < count;  // not told by results of earlier days
      return of_some ? "*" : "";
    };
    row(sizes, std::to_string(family.at("size").get<std::int64_t>()) + " (" + std::to_string(count) + ")", of("mean"),
        star);
    if (count > 1) row(sizes, "  deviation", of("deviation"), unmarked);
  }

  TextTable curve(bars);
  heading(curve, "alpha");
  const std::vector<double> alphas = results.at("alpha_grid").get<std::vector<double>>();
  const std::size_t last = alphas.size() - 1;
  const std::size_t rows = std::min<std::size_t>(last, 5);  // after that of alpha 0
  std::map<std::size_t, std::string> shown;                 // which, and what chose it
  for (std::size_t k = 0; k <= rows; ++k) shown[k * last / rows];
  for (const char* mode : modes) {
    const auto nearest = std::ranges::min_element(
        alphas, {}, [chosen = results.at("addition").at(mode).at("alpha").get<double>()](double alpha) {
          return std::abs(alpha - chosen);
        });
    shown[static_cast<std::size_t>(nearest - alphas.begin())] += std::string(" ") + mode[0];
  }
  for (const auto& [i, chosen_by] : shown) {
    row(
        curve, decimals(alphas.at(i), 2) + chosen_by,
        [&, i = i](const char* mode, const char* quantity) {
          return results.at("addition").at(mode).at("curve").at(quantity).at(i);
        },
        unmarked);
  }
  const std::string sums = sizes.text();
  std::string letters;
  for (const char* mode : modes) letters += (letters.empty() ? "" : ", ") + std::string(1, mode[0]) + ": " + mode;
  return "Sums of K task vectors: test accuracy in percent, mean and standard deviation over sums, each with its own "
         "alpha\n" +
         sums +
         (sums.find('*') != std::string::npos ? "*: not of all sums, as some have no such number (no gap to close)\n"
                                              : "") +
         "\nThe sum of all tasks: average validation accuracy in percent at some alphas, with those that were chosen "
         "(" +
         letters + ")\n" + curve.text() + "-: there is nothing to divide by\n";
}

}  // namespace experiments
