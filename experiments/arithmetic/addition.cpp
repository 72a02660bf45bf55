#include "experiments/arithmetic/addition.hpp"

#include <functional>
#include <map>
#include <nlohmann/json.hpp>

#include "experiments/arithmetic/features.hpp"
#include "experiments/arithmetic/reference_files.hpp"
#include "experiments/arithmetic/scores.hpp"
#include "experiments/common/interrupt.hpp"
#include "experiments/common/progress.hpp"
#include "experiments/common/text_table.hpp"

namespace experiments {
namespace {

// What one mode scores on one task: its fine-tuned model alone, and the sum of all task vectors at a given α.
struct TaskScores {
  double single_validation;
  double single_test;
  std::function<double(double alpha)> validation;
  std::function<double(double alpha)> test;
};

struct ModeResult {
  double alpha;
  std::vector<double> per_task;
  std::vector<double> curve;                    // normalised validation accuracy at each α of the grid
  std::vector<std::vector<double>> validation;  // of each task, its accuracy there
};

ModeResult choose_alpha(const std::vector<TaskScores>& tasks, Progress& progress, std::int64_t& done) {
  ModeResult result{0.0, {}, {}, std::vector<std::vector<double>>(tasks.size())};
  double best = -1.0;
  for (const double alpha : alpha_grid()) {
    if (interrupt_requested())
      throw Interrupted("stopped while choosing alpha; the same command starts this stage again.");
    std::vector<double> ratios;
    for (std::size_t t = 0; t < tasks.size(); ++t) {
      result.validation[t].push_back(tasks[t].validation(alpha));
      ratios.push_back(ratio(result.validation[t].back(), tasks[t].single_validation));
    }
    result.curve.push_back(mean(ratios));
    if (result.curve.back() > best) {
      best = result.curve.back();
      result.alpha = alpha;
    }
    progress.update(++done);
  }
  for (const TaskScores& task : tasks) result.per_task.push_back(task.test(result.alpha));
  return result;
}

class Addition {
 public:
  Addition(const Context& context, const Pretrained& pretrained, const std::vector<TaskVectors>& tasks)
      : shards_(context.shards()),
        model_(pretrained.vit.model()),
        tangent_model_(model_, pretrained.theta0),
        standard_sum_(pretrained.vit.layout()),
        linear_sum_(pretrained.vit.layout()),
        tasks_(tasks) {
    for (const TaskVectors& task : tasks) {
      standard_sum_.axpy(1.0, task.standard);
      linear_sum_.axpy(1.0, task.linear);
      heads_.push_back(zero_shot_head(pretrained, task.task.text));
    }
  }

  Json run(const Pretrained& pretrained, const TaskData* control) {
    const std::int64_t passes = static_cast<std::int64_t>(2 * tasks_.size() + kModes.size() * alpha_grid().size());
    std::int64_t done = 0;
    Progress progress("task addition", passes, 0, 1, "evaluations");
    std::map<std::string, std::vector<TaskScores>> scores;
    std::vector<double> zero_shot;
    for (std::size_t t = 0; t < tasks_.size(); ++t) {
      if (interrupt_requested())
        throw Interrupted("stopped while evaluating; the same command starts this stage again.");
      score_task(t, scores, zero_shot);
      progress.update(done += 2);
    }
    std::map<std::string, ModeResult> results;
    for (const char* mode : kModes) results.emplace(mode, choose_alpha(scores.at(mode), progress, done));
    Json json = summary(scores, zero_shot, results);
    if (control != nullptr) json["control"] = control_accuracies(pretrained, *control, results);
    return json;
  }

 private:
  // θ0 + α Σ τ on the images; the only case in which every α is a pass of its own.
  double standard_accuracy(std::size_t t, const datasets::Dataset& images, double alpha) const {
    return accuracy(heads_[t], features(model_, tangent_model_.theta0() + alpha * standard_sum_, images, shards_));
  }

  void score_task(std::size_t t, std::map<std::string, std::vector<TaskScores>>& scores,
                  std::vector<double>& zero_shot) const {
    const TaskVectors& own = tasks_[t];
    const std::vector<nn::ParamTree> directions{own.standard, standard_sum_, own.linear, linear_sum_};
    const auto validation = std::make_shared<const TangentFeatures>(
        tangent_features(tangent_model_, *own.task.validation, directions, shards_));
    const auto test =
        std::make_shared<const TangentFeatures>(tangent_features(tangent_model_, *own.task.test, directions, shards_));
    const models::ZeroShotHead& head = heads_[t];
    const auto linear_scores = [&](std::size_t single, std::size_t sum) {
      return TaskScores{accuracy(head, validation->at(1.0, single)), accuracy(head, test->at(1.0, single)),
                        [&head, validation, sum](double alpha) { return accuracy(head, validation->at(alpha, sum)); },
                        [&head, test, sum](double alpha) { return accuracy(head, test->at(alpha, sum)); }};
    };
    zero_shot.push_back(accuracy(head, {test->primal, test->labels}));
    scores["posthoc"].push_back(linear_scores(0, 1));
    scores["linear"].push_back(linear_scores(2, 3));
    const nn::ParamTree theta = tangent_model_.theta0() + own.standard;
    scores["standard"].push_back(
        {accuracy(head, features(model_, theta, *own.task.validation, shards_)),
         accuracy(head, features(model_, theta, *own.task.test, shards_)),
         [this, t](double alpha) { return standard_accuracy(t, *tasks_[t].task.validation, alpha); },
         [this, t](double alpha) { return standard_accuracy(t, *tasks_[t].task.test, alpha); }});
  }

  template <class T>
  Json by_task(const std::vector<T>& values) const {
    Json map = Json::object();
    for (std::size_t t = 0; t < tasks_.size(); ++t) map[tasks_[t].task.name] = values[t];
    return map;
  }

  Json summary(const std::map<std::string, std::vector<TaskScores>>& scores, const std::vector<double>& zero_shot,
               const std::map<std::string, ModeResult>& results) const {
    Json names = Json::array();
    for (const TaskVectors& task : tasks_) names.push_back(task.task.name);
    Json json{{"tasks", names}, {"zero_shot", by_task(zero_shot)}};
    for (const char* mode : kModes) {
      std::vector<double> single;
      std::vector<double> single_validation;
      for (const TaskScores& task : scores.at(mode)) {
        single.push_back(task.single_test);
        single_validation.push_back(task.single_validation);
      }
      const ModeResult& result = results.at(mode);
      std::vector<double> ratios;
      for (std::size_t t = 0; t < single.size(); ++t) ratios.push_back(ratio(result.per_task[t], single[t]));
      const double gap = mean(single) - mean(zero_shot);
      json["single_task"][mode] = by_task(single);
      json["single_task_validation"][mode] = by_task(single_validation);
      json["addition"][mode] = {
          {"alpha", result.alpha},
          {"absolute", mean(result.per_task)},
          {"normalised", mean(ratios)},
          {"gap_closed", gap > 0.0 ? Json((mean(result.per_task) - mean(zero_shot)) / gap) : Json(nullptr)},
          {"per_task", by_task(result.per_task)},
          {"validation_curve", result.curve},
          {"validation_per_task", by_task(result.validation)}};
    }
    json["alpha_grid"] = alpha_grid();
    return json;
  }

  // What addition does to a task that was never fine-tuned on.
  Json control_accuracies(const Pretrained& pretrained, const TaskData& control,
                          const std::map<std::string, ModeResult>& results) const {
    const models::ZeroShotHead head = zero_shot_head(pretrained, control.text);
    const std::vector<nn::ParamTree> directions{standard_sum_, linear_sum_};
    const TangentFeatures cached = tangent_features(tangent_model_, *control.test, directions, shards_);
    const nn::ParamTree theta = tangent_model_.theta0() + results.at("standard").alpha * standard_sum_;
    return {{"task", control.name},
            {"zero_shot", accuracy(head, {cached.primal, cached.labels})},
            {"standard", accuracy(head, features(model_, theta, *control.test, shards_))},
            {"posthoc", accuracy(head, cached.at(results.at("posthoc").alpha, 0))},
            {"linear", accuracy(head, cached.at(results.at("linear").alpha, 1))}};
  }

  nn::Shards shards_;
  nn::Model model_;
  nn::TangentModel tangent_model_;
  nn::ParamTree standard_sum_;
  nn::ParamTree linear_sum_;
  const std::vector<TaskVectors>& tasks_;
  std::vector<models::ZeroShotHead> heads_;
};

}  // namespace

Json task_addition(const Context& context, const TaskVectorInputs& inputs, const RunFolder& folder) {
  return task_vector_stage("task_addition", context, inputs, Json::object(), folder,
                           [&](const std::vector<TaskVectors>& tasks, const TaskData* control) {
                             Json results = Addition(context, inputs.pretrained, tasks).run(inputs.pretrained, control);
                             write_reference_additions(folder / "reference", results);
                             return results;
                           });
}

std::string addition_table(const Json& results) {
  const Json& single = results.at("single_task");
  const Json& addition = results.at("addition");
  TextTable table({1, 4});
  table.row("", {"", "single", "task", "", "all tasks", "added", ""});
  table.row("task", {"zero-shot", "standard", "posthoc", "linear", "standard", "posthoc", "linear"});
  const auto accuracies = [&](const std::string& name, const auto& of) {
    std::vector<std::string> cells{percent(of(results.at("zero_shot")))};
    for (const char* mode : kModes) cells.push_back(percent(of(single.at(mode))));
    for (const char* mode : kModes) cells.push_back(percent(of(addition.at(mode).at("per_task"))));
    table.row(name, cells);
  };
  for (const Json& name : results.at("tasks")) {
    const std::string task = name.get<std::string>();
    accuracies(task, [&](const Json& map) { return map.at(task).get<double>(); });
  }
  accuracies("average", [](const Json& map) { return average(map); });
  const auto summary = [&](const std::string& name, const auto& cell) {
    std::vector<std::string> cells{"", "", "", ""};
    for (const char* mode : kModes) cells.push_back(cell(addition.at(mode)));
    table.row(name, cells);
  };
  summary("normalised", [](const Json& mode) { return percent(mode.at("normalised").get<double>()); });
  summary("gap closed", [](const Json& mode) {
    return mode.at("gap_closed").is_null() ? std::string("-") : percent(mode.at("gap_closed").get<double>());
  });
  summary("alpha", [](const Json& mode) { return decimals(mode.at("alpha").get<double>(), 2); });
  if (results.contains("control")) {
    const Json& control = results.at("control");
    std::vector<std::string> cells{percent(control.at("zero_shot").get<double>()), "", "", ""};
    for (const char* mode : kModes) cells.push_back(percent(control.at(mode).get<double>()));
    table.row("(" + control.at("task").get<std::string>() + ")", cells);
  }
  return "Test accuracy in percent\n" + table.text() +
         "normalised: mean of accuracy / single-task accuracy of the same mode;  gap closed: (added - zero-shot) / "
         "(single - zero-shot)\n"
         "one alpha for all tasks, chosen on validation images;  last row: the control task, never fine-tuned on\n";
}

}  // namespace experiments
