#include "experiments/arithmetic/linearization_error.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <stdexcept>

#include "engine/ops/ops.hpp"
#include "experiments/arithmetic/features.hpp"
#include "experiments/arithmetic/scores.hpp"
#include "experiments/common/interrupt.hpp"
#include "experiments/common/progress.hpp"
#include "experiments/common/text_table.hpp"

namespace experiments {
namespace {

using engine::DType;
using engine::Tensor;

constexpr std::array<const char*, 2> kTrained{"standard", "linear"};
constexpr double kFitUpTo = 1.0 / 16;

std::vector<double> doubling_alphas() {
  std::vector<double> alphas;
  for (int exponent = -7; exponent <= 1; ++exponent) alphas.push_back(std::ldexp(1.0, exponent));
  return alphas;
}

// Mean over the rows of x, [N, E] f64, of their Euclidean norms.
double mean_norm(const Tensor& x) {
  const std::int64_t N = x.shape()[0];
  const std::int64_t E = x.shape()[1];
  const double* row = x.data<double>();
  double total = 0.0;
  for (std::int64_t n = 0; n < N; ++n, row += E) total += std::sqrt(std::inner_product(row, row + E, row, 0.0));
  return total / static_cast<double>(N);
}

class LinearizationError {
 public:
  LinearizationError(const Context& context, const Pretrained& pretrained, std::int64_t images)
      : shards_(context.shards()),
        images_(images),
        groups_(parameter_groups(pretrained.vit.config())),
        model_(pretrained.model(), pretrained.theta0.to(DType::f64)) {}

  Json run(const std::vector<TaskVectors>& tasks) const {
    Json results{{"alphas", alphas_}, {"fit_up_to", kFitUpTo}};
    for (const ParameterGroup& group : groups_) results["groups"].push_back(group.name);
    Progress progress("linearisation error", static_cast<std::int64_t>(tasks.size() * kTrained.size() * groups_.size()),
                      0, 1, "curves");
    std::int64_t done = 0;
    for (const TaskVectors& own : tasks) {
      const std::string& task = own.task.name;
      results["tasks"].push_back(task);
      const datasets::Subset images = first_images(own.task.test, images_);
      results["images"][task] = images.size();
      for (const char* mode : kTrained) {
        const nn::ParamTree& tau = std::string_view(mode) == "standard" ? own.standard : own.linear.value();
        for (const ParameterGroup& group : groups_) {
          stop_stage_if_asked("evaluating");
          results["curves"][mode][task][group.name] = curve(part_of(tau, group).to(DType::f64), images);
          progress.update(++done);
        }
      }
    }
    return results;
  }

 private:
  Json curve(nn::ParamTree tau, const datasets::Dataset& images) const {
    if (nn::norm(tau) == 0.0) return nullptr;
    const std::vector<nn::ParamTree> directions{std::move(tau)};
    const TangentFeatures tangent = tangent_features(model_, images, directions, shards_);
    const Tensor& moved = tangent.tangents[0];
    const double speed = mean_norm(moved);  // mean ‖J τ‖
    std::vector<double> error;
    std::vector<double> relative;
    for (const double alpha : alphas_) {
      const Tensor f = features(model_.model(), model_.theta0() + alpha * directions[0], images, shards_).values;
      error.push_back(mean_norm(engine::sub(f, tangent.at(alpha, 0).values).tensor()));
      relative.push_back(ratio(error.back(), alpha * speed));
    }
    return {{"error", error}, {"relative", relative}, {"slope", small_slope(error)}};
  }

  // Of the part with small α; null if f is exactly affine there.
  Json small_slope(const std::vector<double>& error) const {
    std::vector<double> x;
    std::vector<double> y;
    for (std::size_t i = 0; i < alphas_.size(); ++i) {
      if (alphas_[i] > kFitUpTo || error[i] <= 0.0) continue;
      x.push_back(alphas_[i]);
      y.push_back(error[i]);
    }
    return x.size() < 2 ? Json(nullptr) : Json(log_slope(x, y));
  }

  nn::Shards shards_;
  std::int64_t images_;
  std::vector<ParameterGroup> groups_;
  nn::TangentModel model_;
  std::vector<double> alphas_ = doubling_alphas();
};

}  // namespace

std::vector<ParameterGroup> parameter_groups(const models::VitConfig& config) {
  std::vector<ParameterGroup> groups{{"all", {""}},
                                     {"embedding", {"conv1.", "class_embedding", "positional_embedding", "ln_pre."}}};
  for (std::int64_t i = 0; i < config.depth; ++i) {
    const std::string block = "transformer.resblocks." + std::to_string(i) + ".";
    groups.push_back({"attention " + std::to_string(i), {block + "ln_1.", block + "attn."}});
    groups.push_back({"mlp " + std::to_string(i), {block + "ln_2.", block + "mlp."}});
  }
  groups.push_back({"output", {"ln_post.", "proj"}});
  return groups;
}

nn::ParamTree part_of(const nn::ParamTree& tau, const ParameterGroup& group) {
  nn::ParamTree part = tau;
  engine::MutableTensor values = part.writable();
  for (const nn::Layout::Entry& entry : tau.layout().entries()) {
    const bool inside =
        std::ranges::any_of(group.prefixes, [&](const std::string& prefix) { return entry.name.starts_with(prefix); });
    if (!inside) std::fill_n(values.data<float>() + entry.offset, entry.shape.numel(), 0.0F);
  }
  return part;
}

double log_slope(const std::vector<double>& x, const std::vector<double>& y) {
  double mean_x = 0.0;
  double mean_y = 0.0;
  const auto n = static_cast<double>(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    mean_x += std::log(x[i]) / n;
    mean_y += std::log(y[i]) / n;
  }
  double covariance = 0.0;
  double variance = 0.0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    covariance += (std::log(x[i]) - mean_x) * (std::log(y[i]) - mean_y);
    variance += (std::log(x[i]) - mean_x) * (std::log(x[i]) - mean_x);
  }
  return covariance / variance;
}

std::int64_t linearization_error_images(std::string_view preset) { return of_preset<std::int64_t>(preset, 8, 8, 64); }

Json linearization_error(const Context& context, const TaskVectorInputs& inputs, std::int64_t images,
                         const RunFolder& folder) {
  return task_vector_stage("linearization_error", context, without_control(inputs), {{"images", images}}, folder,
                           [&](const std::vector<TaskVectors>& tasks, const TaskData*) {
                             return LinearizationError(context, inputs.pretrained, images).run(tasks);
                           });
}

std::string linearization_error_table(const Json& results) {
  const std::vector<double> alphas = results.at("alphas").get<std::vector<double>>();
  const std::array<double, 4> shown{1.0 / 64, 1.0 / 8, 1.0 / 2, 1.0};
  TextTable table({0, 5});
  std::vector<std::string> heading;
  for (std::size_t i = 0; i < kTrained.size(); ++i) {
    for (const double alpha : shown) heading.push_back(decimals(alpha, 3));
    heading.emplace_back("slope");
  }
  table.row("", {"standard", "", "", "", "", "linear", "", "", "", ""});
  table.row("alpha", heading);
  for (const Json& name : results.at("groups")) {
    const std::string group = name.get<std::string>();
    std::vector<std::string> cells;
    for (const char* mode : kTrained) {
      const auto mean_over_tasks = [&](const auto& of) {  // "-" where no task has the value
        std::vector<double> values;
        for (const auto& [task, groups] : results.at("curves").at(mode).items()) {
          const Json& curve = groups.at(group);
          if (const Json value = curve.is_null() ? Json(nullptr) : Json(of(curve)); !value.is_null())
            values.push_back(value.template get<double>());
        }
        return values.empty() ? std::optional<double>() : mean(values);
      };
      for (const double alpha : shown) {
        const auto i = static_cast<std::size_t>(std::ranges::find(alphas, alpha) - alphas.begin());
        const std::optional<double> value =
            mean_over_tasks([&](const Json& curve) { return curve.at("relative").at(i); });
        cells.push_back(value.has_value() ? percent(*value) : "-");
      }
      const std::optional<double> slope = mean_over_tasks([](const Json& curve) { return curve.at("slope"); });
      cells.push_back(slope.has_value() ? decimals(*slope, 2) : "-");
    }
    table.row(group, cells);
  }
  return "Linearisation error |f(theta0 + alpha tau) - f - alpha J tau| in percent of |alpha J tau|, mean over "
         "tasks\n" +
         table.text() +
         "slope: of the error against alpha on log axes, at alpha <= 1/16; 2 if the second-order term rules\n"
         "rows: the whole task vector, then only its part in one group of parameters\n";
}

}  // namespace experiments
