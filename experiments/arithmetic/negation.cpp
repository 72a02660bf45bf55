#include "experiments/arithmetic/negation.hpp"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string_view>

#include "experiments/arithmetic/features.hpp"
#include "experiments/arithmetic/reference_files.hpp"
#include "experiments/arithmetic/scores.hpp"
#include "experiments/common/interrupt.hpp"
#include "experiments/common/progress.hpp"
#include "experiments/common/text_table.hpp"

namespace experiments {
namespace {

struct Accuracies {
  double target;
  double control;
};

// A task, and its images and the control's of one split, with what both tangent models need of them.
struct SplitImages {
  const TaskVectors& own;
  const models::ZeroShotHead& head;
  const datasets::Dataset& target;
  const datasets::Dataset& control;
  TangentFeatures target_features;   // along τ in standard, linear
  TangentFeatures control_features;  // the same
};

class Negation {
 public:
  Negation(const Context& context, const Pretrained& pretrained, const TaskData& control)
      : shards_(context.shards()),
        pretrained_(pretrained),
        model_(pretrained.model(), pretrained.theta0),
        control_(control),
        control_head_(zero_shot_head(pretrained, control.text)) {}

  Json run(const std::vector<TaskVectors>& tasks) const {
    const std::vector<double> alphas = alpha_grid();
    Json results{{"control",
                  {{"task", control_.name},
                   {"classes", control_head_.classes()},
                   {"validation_images", control_.validation->size()},
                   {"test_images", control_.test->size()},
                   {"zero_shot", zero_shot_on_control(*control_.test)},
                   {"zero_shot_validation", zero_shot_on_control(*control_.validation)}}},
                 {"control_threshold", kControlThreshold},
                 {"alpha_grid", alphas}};
    const std::vector<const char*> modes = modes_of(tasks);
    for (const char* mode : modes) results["negation"][mode]["without_alpha"] = Json::array();
    Progress progress("task negation", static_cast<std::int64_t>(tasks.size() * modes.size() * alphas.size()), 0, 1,
                      "evaluations");
    std::int64_t done = 0;
    for (const TaskVectors& own : tasks) {
      const models::ZeroShotHead head = zero_shot_head(pretrained_, own.task.text);
      const SplitImages validation = split(own, head, *own.task.validation, *control_.validation);
      const SplitImages test = split(own, head, *own.task.test, *control_.test);
      results["tasks"].push_back(own.task.name);
      results["classes"][own.task.name] = head.classes();
      results["zero_shot"][own.task.name] = accuracy(head, {test.target_features.primal, test.target_features.labels});
      for (const char* mode : modes) negate(mode, alphas, validation, test, results["negation"][mode], progress, done);
    }
    return results;
  }

 private:
  double zero_shot_on_control(const datasets::Dataset& images) const {
    return accuracy(control_head_, features(model_.model(), model_.theta0(), images, shards_));
  }

  SplitImages split(const TaskVectors& own, const models::ZeroShotHead& head, const datasets::Dataset& target,
                    const datasets::Dataset& control) const {
    const std::vector<nn::ParamTree> directions = directions_of(own);
    return {own,
            head,
            target,
            control,
            tangent_features(model_, target, directions, shards_),
            tangent_features(model_, control, directions, shards_)};
  }

  Accuracies at(std::string_view mode, double alpha, const SplitImages& images) const {
    if (mode == "standard") {
      const nn::ParamTree theta = model_.theta0() + (-alpha) * images.own.standard;
      return {accuracy(images.head, features(model_.model(), theta, images.target, shards_)),
              accuracy(control_head_, features(model_.model(), theta, images.control, shards_))};
    }
    const std::size_t direction = mode == "posthoc" ? 0 : 1;
    return {accuracy(images.head, images.target_features.at(-alpha, direction)),
            accuracy(control_head_, images.control_features.at(-alpha, direction))};
  }

  // Chooses α on validation images and measures on test images.
  void negate(const char* mode, const std::vector<double>& alphas, const SplitImages& validation,
              const SplitImages& test, Json& into, Progress& progress, std::int64_t& done) const {
    const std::string& task = validation.own.task.name;
    std::vector<double> target;
    std::vector<double> control;
    for (const double alpha : alphas) {
      stop_stage_if_asked("choosing alpha");
      const Accuracies both = at(mode, alpha, validation);
      target.push_back(both.target);
      control.push_back(both.control);
      progress.update(++done);
    }
    // alphas[0] is 0: the pre-trained model.
    const NegationAlpha chosen = choose_negation_alpha(alphas, target, control, kControlThreshold * control[0]);
    const Accuracies measured = at(mode, chosen.alpha, test);
    into["alpha"][task] = chosen.alpha;
    into["target"][task] = measured.target;
    into["control"][task] = measured.control;
    into["validation"][task] = {{"target", target}, {"control", control}};
    if (!chosen.found) into["without_alpha"].push_back(task);
  }

  nn::Shards shards_;
  const Pretrained& pretrained_;
  nn::TangentModel model_;
  const TaskData& control_;
  models::ZeroShotHead control_head_;
};

bool contains(const Json& array, const std::string& text) {
  for (const Json& element : array) {
    if (element.get<std::string>() == text) return true;
  }
  return false;
}

// Where the control cannot be told from guessing before anything is subtracted, keeping 95 % of that says nothing.
std::string about_chance(const Json& control) {
  if (!control.contains("classes")) return "";  // results of earlier days
  constexpr double kStandardErrors = 2.0;
  const double chance = 1.0 / control.at("classes").get<double>();
  const double error = std::sqrt(chance * (1.0 - chance) / control.at("validation_images").get<double>());
  const bool is_guessing = control.at("zero_shot_validation").get<double>() < chance + kStandardErrors * error;
  return is_guessing ? "the control is at chance (" + percent(chance) +
                           ") before anything is subtracted: it has nothing to keep, and this table says little\n"
                     : "";
}

}  // namespace

NegationAlpha choose_negation_alpha(std::span<const double> alphas, std::span<const double> target,
                                    std::span<const double> control, double floor) {
  NegationAlpha chosen{0.0, false};
  double least = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < alphas.size(); ++i) {
    if (control[i] < floor) continue;
    if (alphas[i] > 0.0) chosen.found = true;
    if (target[i] < least) {
      least = target[i];
      chosen.alpha = alphas[i];
    }
  }
  return chosen;
}

Json task_negation(const Context& context, const TaskVectorInputs& inputs, const RunFolder& folder) {
  if (inputs.control == "none") {
    throw std::invalid_argument(
        "[task_negation] needs a control task, whose accuracy limits alpha; --control names it.");
  }
  TaskVectorInputs given = inputs;
  given.linear = Linear::if_there;
  if (!given.control_validation_images.has_value())
    given.control_validation_images = 2 * context.recipe.finetune.validation_images;
  return task_vector_stage("task_negation", context, given,
                           {{"control_validation_images", *given.control_validation_images}}, folder,
                           [&](const std::vector<TaskVectors>& tasks, const TaskData* control) {
                             Json results = Negation(context, inputs.pretrained, *control).run(tasks);
                             write_reference_negations(folder / "reference", results);
                             return results;
                           });
}

std::string negation_table(const Json& results) {
  const Json& negation = results.at("negation");
  const Json& control = results.at("control");
  const std::vector<const char*> modes = modes_in(negation);
  TextTable table({1, 4, 7});
  std::vector<std::string> above{""};
  std::vector<std::string> heading{"zero-shot"};
  for (const char* mode : modes) {
    above.insert(above.end(), {mode, "", ""});
    heading.insert(heading.end(), {"target", "control", "alpha"});
  }
  table.row("", above);
  table.row("task", heading);
  bool any_without = false;
  for (const Json& name : results.at("tasks")) {
    const std::string task = name.get<std::string>();
    std::vector<std::string> cells{percent(results.at("zero_shot").at(task).get<double>())};
    for (const char* mode : modes) {
      const Json& of = negation.at(mode);
      const bool without = contains(of.at("without_alpha"), task);
      cells.push_back(percent(of.at("target").at(task).get<double>()));
      cells.push_back(percent(of.at("control").at(task).get<double>()));
      cells.push_back(without ? "none" : decimals(of.at("alpha").at(task).get<double>(), 2));
      any_without = any_without || without;
    }
    table.row(task, cells);
  }
  std::vector<std::string> cells{percent(average(results.at("zero_shot")))};
  for (const char* mode : modes) {
    cells.push_back(percent(average(negation.at(mode).at("target"))));
    cells.push_back(percent(average(negation.at(mode).at("control"))));
    cells.push_back(decimals(average(negation.at(mode).at("alpha")), 2));
  }
  table.row("average", cells);
  return "Test accuracy in percent after subtracting alpha times the task's own vector; target: lower is better\n" +
         table.text() + "control: " + control.at("task").get<std::string>() + ", zero-shot " +
         percent(control.at("zero_shot").get<double>()) + "; alpha keeps its accuracy on " +
         std::to_string(control.at("validation_images").get<std::int64_t>()) + " validation images at " +
         decimals(100.0 * results.at("control_threshold").get<double>(), 0) + " % of zero-shot or more\n" +
         (any_without ? "none: no alpha above 0 keeps the control; the numbers beside it are those of alpha 0\n" : "") +
         about_chance(control) + without_mode(negation) + about_cut(results);
}

}  // namespace experiments
