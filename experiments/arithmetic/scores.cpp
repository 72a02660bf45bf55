#include "experiments/arithmetic/scores.hpp"

#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>

namespace experiments {
namespace {

constexpr double kRounding = 1e-9;  // above that of sums and quotients here, below a difference that counts

}  // namespace

std::vector<const char*> modes_in(const Json& by_mode) {
  std::vector<const char*> modes;
  for (const char* mode : kModes) {
    if (by_mode.contains(mode)) modes.push_back(mode);
  }
  return modes;
}

std::string without_mode(const Json& by_mode) {
  if (by_mode.contains("linear")) return "";
  return "linear is left out: there are no task vectors fine-tuned in the tangent space; `finetune --mode linear` "
         "makes them\n";
}

std::string about_cut(const Json& results) {
  return results.value("linearise", "") == "logits"
             ? "posthoc and linear: the head's normalisation is linearised as well (--linearise logits)\n"
             : "";
}

double mean(std::span<const double> values) {
  double total = 0.0;
  for (const double value : values) total += value;
  return total / static_cast<double>(values.size());
}

double average(const Json& map) {
  std::vector<double> values;
  for (const auto& [name, value] : map.items()) values.push_back(value.get<double>());
  return mean(values);
}

double ratio(double value, double reference) { return reference > 0.0 ? value / reference : 0.0; }

std::optional<double> normalised(std::span<const double> accuracies, std::span<const double> single) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < single.size(); ++i) {
    if (single[i] > 0.0) ratios.push_back(accuracies[i] / single[i]);
  }
  return ratios.empty() ? std::optional<double>() : mean(ratios);
}

std::optional<double> gap_closed(std::span<const double> accuracies, std::span<const double> single,
                                 std::span<const double> zero_shot) {
  const double gap = mean(single) - mean(zero_shot);
  return gap > kRounding ? std::optional((mean(accuracies) - mean(zero_shot)) / gap) : std::optional<double>();
}

Json or_null(const std::optional<double>& value) { return value.has_value() ? Json(*value) : Json(nullptr); }

std::vector<double> alpha_grid(double step) {
  const double steps = std::round(1.0 / step);
  if (!(step > 0.0 && step <= 1.0) || std::abs(steps * step - 1.0) > kRounding) {
    std::ostringstream given;
    given << step;
    throw std::invalid_argument("[alpha] 1 must be a multiple of the step between two alphas; got " + given.str() +
                                ". 0.05, 0.02 and 0.01 are.");
  }
  std::vector<double> grid;
  for (int i = 0; i <= static_cast<int>(steps); ++i) grid.push_back(i / steps);
  return grid;
}

double choose_addition_alpha(std::span<const double> alphas, std::span<const std::vector<double>> added,
                             std::span<const double> single) {
  double chosen = 0.0;
  double best = -1.0;
  for (std::size_t i = 0; i < alphas.size(); ++i) {
    if (const double score = normalised(added[i], single).value_or(mean(added[i])); score > best) {
      best = score;
      chosen = alphas[i];
    }
  }
  return chosen;
}

std::string or_dash(const Json& value, const std::function<std::string(double)>& write) {
  return value.is_null() ? "-" : write(value.get<double>());
}

Spread spread(std::span<const double> values) {
  const double center = mean(values);
  double squares = 0.0;
  for (const double value : values) squares += (value - center) * (value - center);
  const auto n = static_cast<double>(values.size());
  return {center, values.size() > 1 ? std::sqrt(squares / (n - 1.0)) : 0.0};
}

}  // namespace experiments
