#include "experiments/arithmetic/scores.hpp"

#include <nlohmann/json.hpp>

namespace experiments {

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

double ratio(double accuracy, double reference) { return reference > 0.0 ? accuracy / reference : 0.0; }

std::vector<double> alpha_grid() {
  std::vector<double> grid;
  for (int i = 0; i <= 20; ++i) grid.push_back(i / 20.0);
  return grid;
}

}  // namespace experiments
