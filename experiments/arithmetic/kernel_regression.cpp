#include "experiments/arithmetic/kernel_regression.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <stdexcept>

#include "engine/ops/ops.hpp"
#include "experiments/arithmetic/features.hpp"
#include "experiments/arithmetic/scores.hpp"
#include "experiments/arithmetic/single_task.hpp"
#include "experiments/arithmetic/tangent_problem.hpp"
#include "experiments/common/finetuning.hpp"
#include "experiments/common/interrupt.hpp"
#include "experiments/common/progress.hpp"
#include "experiments/common/stopwatch.hpp"
#include "experiments/common/text_table.hpp"
#include "experiments/common/training_loop.hpp"
#include "nn/checkpoint.hpp"

namespace experiments {
namespace {

using engine::DType;
using engine::Tensor;

constexpr std::array<const char*, 2> kSolvers{"adamw", "solved"};

struct TaskModel {  // the network linearised at θ0, and the head of one task behind it
  TaskModel(const Pretrained& pretrained, const datasets::TaskText& text)
      : head(zero_shot_head(pretrained, text)), f(pretrained.model(), pretrained.theta0) {}

  nn::Loss loss() const {
    return [this](const engine::Var& outputs, const Tensor& labels) { return head.loss(outputs, labels); };
  }
  double accuracy(const datasets::Dataset& images, const nn::ParamTree& tau, const nn::Shards& shards) const {
    return experiments::accuracy(head, tangent_features(f, images, std::span(&tau, 1), shards).at(1.0, 0));
  }

  models::ZeroShotHead head;
  nn::TangentModel f;
};

struct SolverProgress {  // over all sessions
  std::int64_t iteration = 0;
  double first_norm = 0.0;  // ‖∇F(0)‖
  double seconds = 0.0;
  Json curve = Json::array();
};

void save_checkpoint(const std::filesystem::path& file, const Json& fingerprint, const TangentProblem& problem,
                     const nn::LbfgsState& state, const SolverProgress& progress) {
  nn::NamedTensors tensors;
  tensors.emplace("outputs", problem.outputs());
  nn::put_params(tensors, problem.tau(), "tau.");
  nn::put_params(tensors, state.gradient, "gradient.");
  for (std::size_t i = 0; i < state.pairs.size(); ++i) {
    nn::put_params(tensors, state.pairs[i].s, "s" + std::to_string(i) + ".");
    nn::put_params(tensors, state.pairs[i].y, "y" + std::to_string(i) + ".");
  }
  const Json json{{"iteration", progress.iteration},
                  {"first_norm", progress.first_norm},
                  {"seconds", progress.seconds},
                  {"pairs", state.pairs.size()},
                  {"curve", progress.curve}};
  nn::write_safetensors(file, tensors, {{"fingerprint", fingerprint.dump()}, {"progress", json.dump()}});
}

struct Checkpoint {
  nn::ParamTree tau;
  Tensor outputs;
  nn::LbfgsState state;
  SolverProgress progress;
};

// None if there is no such file or it belongs to another run. Throws if the file is of this run but damaged.
std::optional<Checkpoint> load_checkpoint(const std::filesystem::path& file, const Json& fingerprint,
                                          const std::shared_ptr<const nn::Layout>& layout) {
  if (!std::filesystem::exists(file)) return std::nullopt;
  const nn::SafetensorsFile saved = nn::read_safetensors(file);
  const auto mark = saved.metadata.find("fingerprint");
  if (mark == saved.metadata.end() || mark->second != fingerprint.dump()) {
    say(file.string() + ": of a run with another seed, recipe or data; starting again");
    return std::nullopt;
  }
  try {
    const Json json = Json::parse(saved.metadata.at("progress"));
    const auto tree = [&](const std::string& prefix) { return nn::get_params(saved.tensors, layout, file, prefix); };
    nn::LbfgsState state{tree("gradient."), {}};
    for (std::size_t i = 0; i < json.at("pairs").get<std::size_t>(); ++i)
      state.pairs.push_back({tree("s" + std::to_string(i) + "."), tree("y" + std::to_string(i) + ".")});
    return Checkpoint{tree("tau."),
                      saved.tensors.at("outputs"),
                      std::move(state),
                      {json.at("iteration").get<std::int64_t>(), json.at("first_norm").get<double>(),
                       json.at("seconds").get<double>(), json.at("curve")}};
  } catch (const std::exception& error) {
    throw std::runtime_error("[checkpoint] " + file.string() + ": " + error.what() +
                             " Remove the file to start again.");
  }
}

struct Solution {
  nn::ParamTree tau;
  double loss;  // F without λ/2 ‖τ‖²
  std::string ended;
  SolverProgress progress;
};

// L-BFGS from τ = 0, or from where a checkpoint is.
class Solver {
 public:
  Solver(const Context& context, const TaskModel& model, const nn::ParamSubset& trained, const TaskData& task,
         const KernelRegressionOptions& options, std::filesystem::path checkpoint, Json fingerprint)
      : shards_(context.shards()),
        model_(model),
        trained_(nn::freeze(model.f.model(), model.f.theta0(), trained), model.f.theta0()),
        task_(task),
        options_(options),
        checkpoint_(std::move(checkpoint)),
        fingerprint_(std::move(fingerprint)) {}

  Solution run() {
    const std::string label = "kernel regression " + task_.name;
    const nn::Loss loss = model_.loss();
    const std::shared_ptr<const nn::Layout>& layout = model_.f.theta0().shared_layout();
    std::optional<Checkpoint> saved = load_checkpoint(checkpoint_, fingerprint_, layout);
    SolverProgress progress = saved.has_value() ? saved->progress : SolverProgress{};
    const double earlier = progress.seconds;
    TangentProblem problem =
        saved.has_value() ? TangentProblem(trained_, *task_.train, loss, options_.l2, shards_, std::move(saved->tau),
                                           std::move(saved->outputs))
                          : TangentProblem(trained_, *task_.train, loss, options_.l2, shards_, nn::ParamTree(layout));
    nn::LbfgsState state = saved.has_value() ? std::move(saved->state) : nn::LbfgsState{problem.gradient(), {}};
    const nn::Objective objective = problem.objective();
    if (saved.has_value()) {
      say(label + ": going on after iteration " + std::to_string(progress.iteration));
    } else {
      progress.first_norm = norm(state.gradient);
    }

    Progress bar(label, options_.iterations, progress.iteration, task_.train->size(), "images");
    Stopwatch since_saved;
    bool stuck = false;
    while (true) {
      const bool converged = norm(state.gradient) <= options_.tolerance * progress.first_norm;
      const bool last = converged || stuck || progress.iteration == options_.iterations;
      if (last || progress.iteration == 0 || std::has_single_bit(static_cast<std::uint64_t>(progress.iteration)))
        add_point(progress, problem, state);
      progress.seconds = earlier + stopwatch_.seconds();
      if (last) {
        return {problem.tau(), problem.loss(),
                converged ? "converged"
                : stuck   ? "rounding"
                          : "iterations",
                std::move(progress)};
      }
      if (interrupt_requested()) {
        save_checkpoint(checkpoint_, fingerprint_, problem, state, progress);
        throw Interrupted("stopped after iteration " + std::to_string(progress.iteration) + " of " + label +
                          "; the same command goes on from there.");
      }
      if (since_saved.seconds() > save_interval()) {
        save_checkpoint(checkpoint_, fingerprint_, problem, state, progress);
        since_saved = Stopwatch();
      }
      const std::optional<double> value = nn::lbfgs_step(objective, state);
      stuck = !value.has_value();
      if (stuck) continue;
      bar.update(++progress.iteration, *value);
    }
  }

 private:
  void add_point(SolverProgress& progress, const TangentProblem& problem, const nn::LbfgsState& state) const {
    if (!progress.curve.empty() && progress.curve.back().at("iteration") == progress.iteration) return;
    progress.curve.push_back({{"iteration", progress.iteration},
                              {"objective", problem.value()},
                              {"train_loss", problem.loss()},
                              {"gradient_norm", norm(state.gradient)},
                              {"task_vector_norm", norm(problem.tau())},
                              {"validation", model_.accuracy(*task_.validation, problem.tau(), shards_)},
                              {"test", model_.accuracy(*task_.test, problem.tau(), shards_)}});
  }

  nn::Shards shards_;
  const TaskModel& model_;
  nn::TangentModel trained_;  // of the parameters that AdamW trained
  const TaskData& task_;
  KernelRegressionOptions options_;
  std::filesystem::path checkpoint_;
  Json fingerprint_;
  Stopwatch stopwatch_;
};

// The first point that is best on validation images.
const Json& best_point(const Json& curve) {
  const Json* best = &curve.front();
  for (const Json& point : curve) {
    if (point.at("validation") > best->at("validation")) best = &point;
  }
  return *best;
}

double cosine(const nn::ParamTree& a, const nn::ParamTree& b) { return ratio(dot(a, b), norm(a) * norm(b)); }

// One task's outputs with its own task vector alone (direction 0) and with the sum of all (direction 1).
struct AddedOutputs {
  std::string task;
  models::ZeroShotHead head;
  TangentFeatures validation;
  TangentFeatures test;
};

Json add_up(const std::vector<AddedOutputs>& tasks) {
  // Over the tasks: the accuracy of α times the sum, or of the task's own vector.
  const auto accuracies = [&](TangentFeatures AddedOutputs::*split, double alpha, std::size_t direction) {
    std::vector<double> values;
    for (const AddedOutputs& own : tasks) values.push_back(accuracy(own.head, (own.*split).at(alpha, direction)));
    return values;
  };
  Json result;
  const std::vector<double> alphas = alpha_grid();
  const std::vector<double> single_validation = accuracies(&AddedOutputs::validation, 1.0, 0);
  std::vector<std::vector<double>> validation;  // by α
  for (const double alpha : alphas) {
    validation.push_back(accuracies(&AddedOutputs::validation, alpha, 1));
    result["validation_curve"].push_back(or_null(normalised(validation.back(), single_validation)));
  }
  const double chosen = choose_addition_alpha(alphas, validation, single_validation);
  result["alpha"] = chosen;
  const std::vector<double> single = accuracies(&AddedOutputs::test, 1.0, 0);
  const std::vector<double> added = accuracies(&AddedOutputs::test, chosen, 1);
  for (std::size_t t = 0; t < tasks.size(); ++t) {
    result["single_task"][tasks[t].task] = single[t];
    result["per_task"][tasks[t].task] = added[t];
  }
  result["absolute"] = mean(added);
  result["normalised"] = or_null(normalised(added, single));
  result["gap_closed"] = or_null(gap_closed(added, single, accuracies(&AddedOutputs::test, 0.0, 0)));
  return result;
}

// Of vectors[t], task t's.
Json addition(const Context& context, const Pretrained& pretrained, const std::vector<TaskVectors>& tasks,
              const std::vector<nn::ParamTree>& vectors) {
  nn::ParamTree sum(pretrained.vit.layout());
  for (const nn::ParamTree& tau : vectors) sum.axpy(1.0, tau);
  std::vector<AddedOutputs> outputs;
  for (std::size_t t = 0; t < tasks.size(); ++t) {
    stop_stage_if_asked("evaluating");
    const TaskData& task = tasks[t].task;
    const TaskModel model(pretrained, task.text);
    const std::vector<nn::ParamTree> directions{vectors[t], sum};
    outputs.push_back({task.name, model.head, tangent_features(model.f, *task.validation, directions, context.shards()),
                       tangent_features(model.f, *task.test, directions, context.shards())});
  }
  return add_up(outputs);
}

Json to_json(const KernelRegressionOptions& options, Cut cut) {
  return {{"cut", to_string(cut)},
          {"l2", options.l2},
          {"tolerance", options.tolerance},
          {"iterations", options.iterations}};
}

}  // namespace

std::int64_t kernel_regression_iterations(std::string_view preset) {
  return of_preset<std::int64_t>(preset, 8, 64, 256);
}

Json solve_task(const Context& context, const Pretrained& pretrained, const TaskData& task, const Vectors& adam,
                const KernelRegressionOptions& options, const RunFolder& folder) {
  const FinetuneRecipe& recipe = context.recipe.finetune;
  const nn::ParamTree& linear = adam.linear.value();
  const Json fingerprint{{"stage", "kernel_regression_task"},
                         {"seed", context.seed},
                         {"task", task.name},
                         {"content", task.content},
                         {"pretrained", pretrained.identity()},
                         {"adam", {nn::checksum(adam.standard), nn::checksum(linear)}},
                         {"images", {recipe.train_images, recipe.validation_images, recipe.test_images}},
                         {"settings", to_json(options, pretrained.cut)},
                         {"arithmetic", arithmetic(context.recipe)}};
  const std::filesystem::path file = folder / "finetuned.safetensors";
  if (const auto results = folder.already_done("kernel regression " + task.name, fingerprint, file)) return *results;
  const Json manifest = folder.begin("kernel_regression", fingerprint, context.seed, context.pool.threads(), file);

  const nn::Shards shards = context.shards();
  const TaskModel model(pretrained, task.text);
  const std::filesystem::path checkpoint = folder / kCheckpoint;
  const Solution solution =
      Solver(context, model, nn::ParamSubset::moved_by(linear), task, options, checkpoint, fingerprint).run();

  const nn::Loss loss = model.loss();
  const double adam_loss = TangentProblem(model.f, *task.train, loss, 0.0, shards, linear).loss();
  const Json& curve = solution.progress.curve;
  const Json& early = best_point(curve);
  save_finetuned(file, pretrained, task, Mode::linear, pretrained.theta0 + solution.tau);
  const Json results{{"task", task.name},
                     {"classes", model.head.classes()},
                     {"train_images", task.train->size()},
                     {"zero_shot", curve.front().at("test")},
                     {"standard", accuracy(model.head, features(pretrained.model(), pretrained.theta0 + adam.standard,
                                                                *task.test, shards))},
                     {"adamw", model.accuracy(*task.test, linear, shards)},
                     {"solved", curve.back().at("test")},
                     {"early", {{"iteration", early.at("iteration")}, {"test", early.at("test")}}},
                     {"train_loss", {{"adamw", adam_loss}, {"solved", solution.loss}}},
                     {"task_vector_norm", {{"adamw", norm(linear)}, {"solved", norm(solution.tau)}}},
                     {"cosine", cosine(linear, solution.tau)},
                     {"iterations", solution.progress.iteration},
                     {"ended", solution.ended},
                     {"curve", curve},
                     {"checksum", nn::checksum(solution.tau)},
                     {"seconds", solution.progress.seconds}};
  folder.finish(manifest, results);
  std::filesystem::remove(checkpoint);
  return results;
}

Json kernel_regression(const Context& context, const TaskVectorInputs& inputs, const KernelRegressionOptions& options,
                       const RunFolder& folder) {
  const TaskVectorInputs tasks_only = without_control(inputs);
  Json per_task = Json::object();
  double seconds = 0.0;
  std::vector<nn::ParamTree> solved;
  Json checksums = Json::array();
  for (const TaskSource& source : tasks_only.sources) {
    const Vectors adam = load_vectors(tasks_only, source.name);
    const RunFolder of_task(finetuned_folder(folder.path(), to_string(Mode::linear), source.name));
    const TaskData task = load_task(source, context.recipe, context.seed, context.pool);
    per_task[source.name] = solve_task(context, inputs.pretrained, task, adam, options, of_task);
    seconds += per_task[source.name].at("seconds").get<double>();
    per_task[source.name].erase("seconds");
    solved.push_back(load_task_vector(of_task / "finetuned.safetensors", inputs.pretrained, source.name, Mode::linear));
    checksums.push_back(nn::checksum(solved.back()));
  }
  const Json given = to_json(options, inputs.pretrained.cut);
  Json settings = given;
  settings["solved"] = checksums;
  const auto add = [&](const std::vector<TaskVectors>& tasks, const TaskData*) {
    const Stopwatch stopwatch;
    std::vector<nn::ParamTree> adam;
    Json results{{"tasks", Json::array()}, {"settings", given}, {"per_task", per_task}};
    for (const TaskVectors& own : tasks) {
      results["tasks"].push_back(own.task.name);
      adam.push_back(own.linear.value());
    }
    results["addition"]["adamw"] = addition(context, inputs.pretrained, tasks, adam);
    results["addition"]["solved"] = addition(context, inputs.pretrained, tasks, solved);
    results["seconds"] = seconds + stopwatch.seconds();
    return results;
  };
  return task_vector_stage("kernel_regression", context, tasks_only, settings, folder, add);
}

std::string kernel_regression_table(const Json& results) {
  TextTable table({1, 5, 7, 9});
  table.row("", {"", "test", "accuracy", "", "", "train", "loss", "|tau|", "", "", ""});
  table.row("task", {"zero-shot", "standard", "adamw", "solved", "early", "adamw", "solved", "adamw", "solved",
                     "cosine", "iter."});
  const auto row = [&](const std::string& name, const auto& of, const std::string& iterations) {
    std::vector<std::string> cells;
    for (const char* key : {"zero_shot", "standard", "adamw", "solved"})
      cells.push_back(percent(of([&](const Json& task) { return task.at(key).template get<double>(); })));
    cells.push_back(percent(of([](const Json& task) { return task.at("early").at("test").template get<double>(); })));
    for (const char* key : {"train_loss", "task_vector_norm"}) {
      for (const char* solver : kSolvers)
        cells.push_back(decimals(of([&](const Json& task) { return task.at(key).at(solver).template get<double>(); }),
                                 key == std::string_view("train_loss") ? 4 : 2));
    }
    cells.push_back(decimals(of([](const Json& task) { return task.at("cosine").template get<double>(); }), 3));
    cells.push_back(iterations);
    table.row(name, cells);
  };
  const Json& per_task = results.at("per_task");
  for (const auto& [name, task] : per_task.items()) {
    const std::string iterations =
        std::to_string(task.at("iterations").get<std::int64_t>()) + (task.at("ended") == "iterations" ? "+" : "");
    row(
        name, [&task = task](const auto& value) { return value(task); }, iterations);
  }
  const auto over_tasks = [&](const auto& value) {
    std::vector<double> values;
    for (const auto& [name, task] : per_task.items()) values.push_back(value(task));
    return mean(values);
  };
  row("average", over_tasks, "");
  std::string text = "Linear fine-tuning by AdamW and solved by L-BFGS (linearised: " +
                     results.at("settings").at("cut").get<std::string>() + ")\n" + table.text() +
                     "early: the iteration that is best on validation images;  +: stopped there, not converged\n";
  for (const char* solver : kSolvers) {
    const Json& addition = results.at("addition").at(solver);
    text += "all tasks added, " + std::string(solver) + ": " + percent(addition.at("absolute").get<double>()) +
            ", normalised " + or_dash(addition.at("normalised"), percent) + ", gap closed " +
            or_dash(addition.value("gap_closed", Json()), percent) + ", alpha " +
            decimals(addition.at("alpha").get<double>(), 2) + "\n";
  }
  const auto value = [&](const char* key) {
    return over_tasks([&](const Json& task) { return task.at(key).template get<double>(); });
  };
  const double gap = value("standard") - value("adamw");
  if (gap > 0.0) {
    const double solved = value("solved") - value("adamw");
    text += "standard is " + decimals(100.0 * gap, 1) + " points above adamw, and solved " +
            decimals(100.0 * std::abs(solved), 1) + (solved < 0.0 ? " below it\n" : "\n");
  }
  return text;
}

}  // namespace experiments
