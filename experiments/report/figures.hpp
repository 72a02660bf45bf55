// The figures of the experiments, from their results as they are in results.json.
#pragma once

#include <vector>

#include "experiments/common/recipe.hpp"
#include "experiments/report/gnuplot.hpp"

namespace experiments {

std::vector<Figure> pretraining_figures(const Json& results);
std::vector<Figure> single_task_figures(const Json& results);  // [Ortiz-Jimenez et al. 2023, figures 2 and 5]
std::vector<Figure> addition_figures(const Json& results);
std::vector<Figure> negation_figures(const Json& results);
std::vector<Figure> disentanglement_figures(const Json& results);  // [figures 3 and 6 there]
std::vector<Figure> linearization_error_figures(const Json& results);
std::vector<Figure> ntk_localization_figures(const Json& results);  // [figure 7 there]
std::vector<Figure> random_init_figures(const Json& results);
std::vector<Figure> kernel_regression_figures(const Json& results);
std::vector<Figure> sweep_figures(const Json& results);

}  // namespace experiments
