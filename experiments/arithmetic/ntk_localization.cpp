#include "experiments/arithmetic/ntk_localization.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <functional>
#include <iterator>
#include <nlohmann/json.hpp>
#include <numeric>
#include <span>
#include <stdexcept>
#include <tuple>

#include "datasets/loader.hpp"
#include "engine/linalg/lanczos.hpp"
#include "engine/ops/ops.hpp"
#include "engine/tensor/random.hpp"
#include "experiments/arithmetic/features.hpp"
#include "experiments/arithmetic/kernel_measures.hpp"
#include "experiments/arithmetic/scores.hpp"
#include "experiments/common/interrupt.hpp"
#include "experiments/common/progress.hpp"
#include "experiments/common/text_table.hpp"
#include "nn/ntk.hpp"

namespace experiments {
namespace {

using engine::DType;
using engine::Range;
using engine::Tensor;

constexpr std::uint64_t kDirectionStream = 1;  // of the random numbers of a seed
constexpr std::int64_t kLanczosSteps = 12;

const char* name_of(KernelOutputs outputs) { return outputs == KernelOutputs::logits ? "logits" : "embedding"; }

struct Group {  // the images of one task
  std::string name;
  Range rows;
  std::vector<std::int64_t> labels;
};

struct Point {
  std::string name;
  nn::ParamTree theta;
};

double sum_of(const std::vector<double>& values) { return std::accumulate(values.begin(), values.end(), 0.0); }

// Of things alike, number by number; null where one of them is.
Json mean_of(const std::vector<Json>& all) {
  const Json& first = all.front();
  if (std::ranges::any_of(all, [](const Json& json) { return json.is_null(); })) return nullptr;
  if (first.is_number()) {
    std::vector<double> values;
    for (const Json& json : all) values.push_back(json.get<double>());
    return mean(values);
  }
  Json result = first;
  for (const auto& [key, value] : first.items()) {
    std::vector<Json> parts;
    for (const Json& json : all) parts.push_back(first.is_array() ? json.at(std::stoul(key)) : json.at(key));
    (first.is_array() ? result.at(std::stoul(key)) : result.at(key)) = mean_of(parts);
  }
  return result;
}

// Where the eigenfunctions of a kernel on two tasks live, the first `first` points being one's.
Json localisation_of(const Tensor& kernel, std::int64_t first, std::int64_t R) {
  const Eigenfunctions all = eigenfunctions(kernel, kernel.shape()[0]);
  const std::vector<double> each = localisation(all, first);
  double weighted = 0.0;
  for (std::size_t r = 0; r < each.size(); ++r) weighted += all.values[r] * each[r] / sum_of(all.values);
  const std::vector<double> leading(each.begin(), each.begin() + std::min(R, std::ssize(each)));
  return {{"each", leading}, {"leading", mean(leading)}, {"weighted", weighted}};
}

// E_loc of eigenfunctions known at the points of own, other and, if there is one, control.
struct At {
  const Tensor& functions;
  Range rows;
};
Json energies(const std::vector<double>& weights, const At& own, const At& other, const At* control) {
  const auto energy = [&](const At& at) -> Json {
    if (!(sum_of(weights) > 0.0)) return nullptr;  // no coefficient: all images of one class
    return local_energy(at.functions, at.rows, weights);
  };
  const Json at_own = energy(own);
  const Json at_other = energy(other);
  const Json at_control = control != nullptr ? energy(*control) : Json(nullptr);
  const auto share = [&](const Json& at) -> Json {
    return at.is_null() ? Json(nullptr) : Json(ratio(at.get<double>(), at_own.get<double>()));
  };
  return {{"own", at_own},
          {"other", at_other},
          {"control", at_control},
          {"other_over_own", share(at_other)},
          {"control_over_own", share(at_control)}};
}

class NtkLocalization {
 public:
  NtkLocalization(const Context& context, const Pretrained& pretrained, const LocalizationSettings& settings,
                  const std::vector<TaskVectors>& tasks, const TaskData* control)
      : context_(context), settings_(settings), images_(Tensor::zeros({0})), directions_(Tensor::zeros({0})) {
    std::vector<const TaskData*> data;
    for (const TaskVectors& task : tasks) data.push_back(&task.task);
    if (control != nullptr) data.push_back(control);
    for (const TaskData* task : data) settings_.images = std::min(settings_.images, task->test->size());
    if (settings_.images < 4) {
      throw std::invalid_argument("[ntk_localization] needs at least four test images of each task; there are " +
                                  std::to_string(settings_.images) + ".");
    }
    engine::Vars images;
    std::vector<models::ZeroShotHead> heads;
    for (const TaskData* task : data) {
      const std::int64_t begin = std::ssize(groups_) * settings_.images;
      const datasets::Subset first = first_images(task->test, settings_.images);
      const datasets::Batch batch = datasets::load_range(first, 0, settings_.images);
      images.emplace_back(batch.images);
      const auto* labels = batch.labels.data<std::int64_t>();
      groups_.push_back({task->name, {begin, begin + settings_.images}, {labels, labels + settings_.images}});
      heads.push_back(zero_shot_head(pretrained, task->text));
    }
    has_control_ = control != nullptr;
    images_ = engine::concat(images, 0).tensor();
    choose_outputs(pretrained, heads);
    points_.push_back({"random", nn::initial_params(pretrained.vit.layout(), context.seed)});
    points_.push_back({"pretrained", pretrained.theta0});
    for (const std::string& name : settings.finetuned_on) {
      const auto task = std::ranges::find_if(tasks, [&](const TaskVectors& of) { return of.task.name == name; });
      points_.push_back({"on " + name, pretrained.theta0 + task->standard});
    }
  }

  Json run(const std::vector<TaskPair>& pairs) {
    Json results{{"control", has_control_ ? Json(groups_.back().name) : Json(nullptr)},
                 {"images", settings_.images},
                 {"parameters", points_.front().theta.layout().numel()},
                 {"directions", directions_.shape()[0]},
                 {"eigenfunctions", settings_.eigenfunctions},
                 {"outputs", name_of(settings_.outputs)}};
    for (const Group& group : groups_) results["tasks"].push_back(group.name);
    for (const auto& [first, second] : pairs) results["pairs"].push_back({first, second});
    Progress progress("tangent kernel", std::ssize(points_) * directions_.shape()[0], 0, images_.shape()[0], "images");
    std::int64_t done = 0;
    for (const Point& point : points_) {
      results["points"].push_back(point.name);
      const nn::TangentModel f(model_, point.theta);
      const Tensor kernel = kernel_of(f, [&] { progress.update(++done); });
      Json& of = results["kernels"][point.name];
      of["cosine"] = cosines(kernel);
      std::vector<Json> each;
      for (const auto& [first, second] : pairs) each.push_back(pair(kernel, group(first), group(second)));
      of["pairs"] = each;
      of["mean"] = mean_of(each);
      of["mean"].erase("local_energy_of_each");  // first tasks and second ones, which are alike in nothing
      of["check"] = check(f, kernel, group(pairs.front().first), group(pairs.front().second));
    }
    return results;
  }

 private:
  void choose_outputs(const Pretrained& pretrained, std::vector<models::ZeroShotHead>& heads) {
    engine::Random random{context_.seed, kDirectionStream};
    const bool logits = settings_.outputs == KernelOutputs::logits;
    std::int64_t E = pretrained.vit.features();
    model_ = pretrained.model();
    if (logits) {
      E = 0;
      for (const models::ZeroShotHead& head : heads) E += head.classes();
      model_ = [encoder = model_, heads](const nn::Params& p, const engine::Var& x) {
        const engine::Var features = encoder(p, x);
        engine::Vars all;
        for (const models::ZeroShotHead& head : heads) all.push_back(head.logits(features));
        return engine::concat(all, 1);
      };
    }
    const std::int64_t D = logits ? std::min(settings_.directions, E) : settings_.directions;
    directions_ = Tensor::zeros({D, E});
    float* values = directions_.writable().data<float>();
    std::vector<std::int64_t> classes(static_cast<std::size_t>(E));
    std::iota(classes.begin(), classes.end(), std::int64_t{0});
    if (logits) random.shuffle(classes);
    for (std::int64_t d = 0; d < D; ++d) {
      float* row = values + d * E;
      if (logits) {
        row[classes[static_cast<std::size_t>(d)]] = 1.0F;
        continue;
      }
      std::vector<double> normal;
      for (std::int64_t e = 0; e < E; ++e) normal.push_back(random.normal());
      const double length = std::sqrt(std::inner_product(normal.begin(), normal.end(), normal.begin(), 0.0));
      for (std::int64_t e = 0; e < E; ++e) row[e] = static_cast<float>(normal[static_cast<std::size_t>(e)] / length);
    }
  }

  Tensor kernel_of(const nn::TangentModel& f, const std::function<void()>& direction_done) const {
    const std::int64_t D = directions_.shape()[0];
    engine::Var sum = Tensor::zeros({images_.shape()[0], images_.shape()[0]}, DType::f64);
    for (std::int64_t d = 0; d < D; ++d) {
      stop_stage_if_asked("computing the kernel");
      sum = engine::add(sum, nn::ntk(f, images_, directions_.slice(0, d, d + 1), context_.shards()));
      direction_done();
    }
    return engine::scale(sum, 1.0 / static_cast<double>(D)).tensor();
  }

  const Group& group(const std::string& name) const {
    return *std::ranges::find_if(groups_, [&](const Group& of) { return of.name == name; });
  }

  // Of each group with each, and what that is on average: same task, two tasks, task and control.
  Json cosines(const Tensor& kernel) const {
    Json matrix = Json::array();
    std::vector<double> same;
    std::vector<double> across;
    std::vector<double> with_control;
    const std::size_t tasks = groups_.size() - (has_control_ ? 1 : 0);
    for (std::size_t a = 0; a < groups_.size(); ++a) {
      Json row = Json::array();
      for (std::size_t b = 0; b < groups_.size(); ++b) {
        const double cosine = kernel_cosine(kernel, groups_[a].rows, groups_[b].rows);
        row.push_back(cosine);
        if (a < tasks && b < tasks) {
          (a == b ? same : across).push_back(cosine);
        } else if (a < tasks) {
          with_control.push_back(cosine);
        }
      }
      matrix.push_back(row);
    }
    return {{"matrix", matrix},
            {"same", mean(same)},
            {"across", mean(across)},
            {"control", has_control_ ? Json(mean(with_control)) : Json(nullptr)},
            {"across_over_same", mean(across) / mean(same)},
            {"control_over_same", has_control_ ? Json(mean(with_control) / mean(same)) : Json(nullptr)}};
  }

  Json pair(const Tensor& kernel, const Group& first, const Group& second) const {
    const std::array<Range, 2> both{first.rows, second.rows};
    const std::int64_t n = settings_.images;
    const std::int64_t R = settings_.eigenfunctions;
    const Tensor joint = part_of_kernel(kernel, both, both);
    const Eigenfunctions of = eigenfunctions(joint, 2 * n);
    std::vector<double> shares;
    for (const double value : of.values) shares.push_back(value / sum_of(of.values));
    const double same =
        (kernel_cosine(kernel, first.rows, first.rows) + kernel_cosine(kernel, second.rows, second.rows)) / 2;
    const double across = kernel_cosine(kernel, first.rows, second.rows);
    const auto leading = shares.begin() + std::min(R, std::ssize(shares));
    const std::array<Json, 2> tasks{task(kernel, joint, {0, n}, {n, 2 * n}, first, second),
                                    task(kernel, joint, {n, 2 * n}, {0, n}, second, first)};
    return {
        {"cosine", {{"same", same}, {"across", across}, {"across_over_same", across / same}}},
        {"spectrum", shares},  // shares of the trace
        {"leading", std::accumulate(shares.begin(), leading, 0.0)},
        {"participation", participation(of.values)},
        {"localisation", {{"raw", localisation_of(joint, n, R)}, {"centred", localisation_of(centred(joint), n, R)}}},
        {"local_energy", mean_of({tasks[0], tasks[1]})},
        {"local_energy_of_each", tasks}};
  }

  // Local energies of one task's eigenfunctions: of the kernel on both tasks' images, and of that on half of its own, carried
  // to all others; the half they are made on is not looked at.
  Json task(const Tensor& kernel, const Tensor& joint, Range own_rows, Range other_rows, const Group& own,
            const Group& other) const {
    const std::int64_t R = settings_.eigenfunctions;
    const Eigenfunctions on_both = eigenfunctions(joint, R);
    const At own_in_both{on_both.functions, own_rows};
    const At other_in_both{on_both.functions, other_rows};

    const std::int64_t half = settings_.images / 2;
    const Range made_on{own.rows.begin, own.rows.begin + half};
    const auto between = [&](Range rows) { return part_of_kernel(kernel, std::array{rows}, std::array{made_on}); };
    const Eigenfunctions on_own = eigenfunctions(between(made_on), R);
    const auto carried = [&](Range rows) { return extended(on_own, between(rows)); };
    const auto whole = [](const Tensor& functions) { return At{functions, {0, functions.shape()[0]}}; };
    const Tensor at_own = carried({own.rows.begin + half, own.rows.end});
    const Tensor at_other = carried(other.rows);
    const Tensor at_control = carried(groups_.back().rows);
    const At control = whole(at_control);
    const auto on_others = [&](const std::vector<double>& weights) {
      return energies(weights, whole(at_own), whole(at_other), has_control_ ? &control : nullptr);
    };
    const std::vector<double> alike(on_own.values.size(), 1.0);
    const std::vector<double> of_labels =
        squared_coefficients(on_own, {0, half}, std::span(own.labels).first(static_cast<std::size_t>(half)));
    // With weights that both tasks share, own and other of `joint` would be the same two numbers for either: 1 on average, whatever
    // the kernel.
    const Json joint_by_labels =
        energies(squared_coefficients(on_both, own_rows, own.labels), own_in_both, other_in_both, nullptr);
    return {{"joint", {{"coefficient", joint_by_labels}}},
            {"carried",
             {{"plain", on_others(alike)},
              {"eigenvalue", on_others(on_own.values)},
              {"coefficient", on_others(of_labels)}}}};
  }

  // The second way: the largest eigenvalue of the kernel on the first pair's images, by Lanczos on pushes and pulls.
  Json check(const nn::TangentModel& f, const Tensor& kernel, const Group& first, const Group& second) const {
    const std::array<Range, 2> both{first.rows, second.rows};
    const engine::Vars parts{images_.slice(0, first.rows.begin, first.rows.end),
                             images_.slice(0, second.rows.begin, second.rows.end)};
    const Tensor images = engine::concat(parts, 0).tensor();
    const engine::RitzPairs ritz = engine::lanczos(
        [&](const Tensor& v) {
          stop_stage_if_asked("checking the kernel");
          return nn::ntk_times(f, images, directions_, v, context_.shards());
        },
        Tensor::full({images.shape()[0]}, 1.0, DType::f64), kLanczosSteps, 1);
    const auto n = static_cast<double>(images.shape()[0]);
    const double largest = n * eigenfunctions(part_of_kernel(kernel, both, both), 1).values[0];
    return {{"largest_eigenvalue", largest},
            {"by_lanczos", ritz.values.item()},
            {"relative_difference", std::abs(ritz.values.item() - largest) / largest}};
  }

  const Context& context_;
  LocalizationSettings settings_;
  std::vector<Group> groups_;
  bool has_control_ = false;
  Tensor images_;  // of all groups, one after the other
  nn::Model model_;
  Tensor directions_;  // [D, E]
  std::vector<Point> points_;
};

}  // namespace

LocalizationSettings localization_settings(std::string_view preset) {
  return of_preset<LocalizationSettings>(preset, {8, 2, 4}, {64, 4, 10}, {200, 8, 10});
}

Json ntk_localization(const Context& context, const TaskVectorInputs& inputs, const std::vector<TaskPair>& pairs,
                      const LocalizationSettings& settings, const RunFolder& folder) {
  if (pairs.empty()) throw std::invalid_argument("[ntk_localization] needs at least two tasks.");
  Json names = Json::array();
  for (const auto& [first, second] : pairs) names.push_back({first, second});
  for (const std::string& name : settings.finetuned_on) {
    if (name == inputs.control ||
        std::ranges::none_of(inputs.sources, [&](const TaskSource& source) { return source.name == name; })) {
      throw std::invalid_argument("[ntk_localization] '" + name + "' is not one of the tasks; --tasks names them.");
    }
    if (std::ranges::count(settings.finetuned_on, name) > 1)
      throw std::invalid_argument("[ntk_localization] --finetuned-on names '" + name + "' twice.");
  }
  if (settings.eigenfunctions > settings.images) {
    throw std::invalid_argument("[ntk_localization] --eigenfunctions " + std::to_string(settings.eigenfunctions) +
                                " is more than the " + std::to_string(settings.images) +
                                " images of a task (--kernel-images).");
  }
  return task_vector_stage("ntk_localization", context, inputs,
                           {{"pairs", names},
                            {"images", settings.images},
                            {"directions", settings.directions},
                            {"eigenfunctions", settings.eigenfunctions},
                            {"outputs", name_of(settings.outputs)},
                            {"finetuned_on", settings.finetuned_on}},
                           folder, [&](const std::vector<TaskVectors>& tasks, const TaskData* control) {
                             return NtkLocalization(context, inputs.pretrained, settings, tasks, control).run(pairs);
                           });
}

std::string ntk_localization_table(const Json& results) {
  const Json& kernels = results.at("kernels");
  const std::string R = std::to_string(results.at("eigenfunctions").get<std::int64_t>());
  const auto points = results.at("points").get<std::vector<std::string>>();
  TextTable table;
  std::vector<std::string> above;
  std::vector<std::string> below;
  for (const std::string& point : points) {  // "pre-" over "trained", "on" over the task
    above.push_back(point == "random" ? point : point == "pretrained" ? "pre-" : "on");
    below.push_back(point == "random" ? "" : point == "pretrained" ? "trained" : point.substr(3));
  }
  table.row("", above);
  table.row("", below);
  const auto row = [&](const std::string& name, const std::string& path, int digits = 3) {
    std::vector<std::string> cells;
    for (const std::string& point : points) {
      cells.push_back(or_dash(kernels.at(point).at(Json::json_pointer(path)),
                              [&](double value) { return decimals(value, digits); }));
    }
    table.row(name, cells);
  };
  row("cosine: same task", "/cosine/same");
  row("        two tasks", "/cosine/across");
  row("        task, control", "/cosine/control");
  row("        two / same", "/cosine/across_over_same");
  row("first " + R + " of the trace", "/mean/leading");
  row("participation", "/mean/participation", 1);
  row("localisation: by lambda", "/mean/localisation/raw/weighted");
  row("              first " + R, "/mean/localisation/raw/leading");
  row("  centred:    by lambda", "/mean/localisation/centred/weighted");
  row("              first " + R, "/mean/localisation/centred/leading");
  row("joint, other/own: by c^2", "/mean/local_energy/joint/coefficient/other_over_own");
  for (const auto& [heading, key] :
       {std::pair("carried, other/own: ", "other_over_own"), std::pair("carried, control/own: ", "control_over_own")}) {
    for (const auto& [label, weighting] :
         {std::pair("plain", "plain"), std::pair("by lambda", "eigenvalue"), std::pair("by c^2", "coefficient")})
      row(heading + std::string(label), "/mean/local_energy/carried/" + std::string(weighting) + "/" + key);
  }
  double difference = 0.0;
  for (const std::string& point : points)
    difference = std::max(difference, kernels.at(point).at("check").at("relative_difference").get<double>());
  char checked[32];
  std::snprintf(checked, sizeof(checked), "%.0e", difference);
  return "Tangent kernel on " + std::to_string(results.at("images").get<std::int64_t>()) +
         " images of each task, mean of " + std::to_string(results.at("directions").get<std::int64_t>()) +
         " directions (" + results.at("outputs").get<std::string>() + ")\n" + table.text() +
         "cosine: means over tasks and pairs of tasks; all below: means over " +
         std::to_string(results.at("pairs").size()) +
         " pairs of tasks\n"
         "localisation: of an eigenfunction on both tasks, the larger of its shares on one; 0.5 is none, 1 complete\n"
         "joint, carried: local energy of the first " +
         R +
         " eigenfunctions on both tasks' images,\n"
         "               or made on half of one's own and carried to the others;\n"
         "               0 is localised, 1 not at all, more than 1 stronger elsewhere\n"
         "the largest eigenvalue by Lanczos on pushes and pulls differs by " +
         std::string(checked) + " at most\n";
}

}  // namespace experiments
