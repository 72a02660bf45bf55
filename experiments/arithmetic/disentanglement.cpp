#include "experiments/arithmetic/disentanglement.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "experiments/arithmetic/features.hpp"
#include "experiments/arithmetic/scores.hpp"
#include "experiments/common/interrupt.hpp"
#include "experiments/common/progress.hpp"
#include "experiments/common/text_table.hpp"

namespace experiments {
namespace {

constexpr double kSearchBox = 1.0;    // α is searched within [-1, 1] along each axis
constexpr double kLightBelow = 0.25;  // of xi_mean
constexpr double kRounding = 1e-9;    // of an α

using Map = std::vector<std::vector<double>>;  // [i][j] at α1 = alphas[i], α2 = alphas[j]
using Predictions = std::vector<std::int64_t>;
using Predict = std::function<Predictions(double alpha1, double alpha2)>;  // on the images of one of the tasks

std::vector<double> symmetric_alphas(const DisentanglementGrid& grid) {
  const std::int64_t last = grid.points - 1;
  std::vector<double> alphas;
  for (std::int64_t i = 0; i <= last; ++i)
    alphas.push_back(grid.range * static_cast<double>(2 * i - last) / static_cast<double>(last));
  return alphas;
}

double disagreement(const Predictions& a, const Predictions& b) {
  std::int64_t different = 0;
  for (std::size_t i = 0; i < a.size(); ++i) different += a[i] != b[i] ? 1 : 0;
  return static_cast<double>(different) / static_cast<double>(a.size());
}

// One task's term of ξ: against its own vector alone, which is the first (side 0) or the second (side 1).
Map disagreements(const Predict& predict, const std::vector<double>& alphas, std::size_t side,
                  const std::function<void()>& row_done) {
  std::vector<Predictions> alone;
  for (const double alpha : alphas) alone.push_back(side == 0 ? predict(alpha, 0.0) : predict(0.0, alpha));
  Map map;
  for (std::size_t i = 0; i < alphas.size(); ++i) {
    stop_stage_if_asked("computing the grid");
    std::vector<double>& row = map.emplace_back();
    for (std::size_t j = 0; j < alphas.size(); ++j)
      row.push_back(disagreement(predict(alphas[i], alphas[j]), alone[side == 0 ? i : j]));
    row_done();
  }
  return map;
}

Map combine(const Map& a, const Map& b, double factor) {
  Map result = a;
  for (std::size_t i = 0; i < a.size(); ++i) {
    for (std::size_t j = 0; j < a.size(); ++j) result[i][j] = factor * (a[i][j] + b[i][j]);
  }
  return result;
}

// Mean over the grid points with low <= α1, α2 <= high; null if the grid has no points at the corners: it does not cover the square,
// or not to its edge.
Json mean_within(const Map& map, const std::vector<double>& alphas, double low, double high) {
  std::vector<double> values;
  const auto inside = [&](double alpha) { return alpha >= low - kRounding && alpha <= high + kRounding; };
  for (const double corner : {low, high}) {
    if (std::ranges::none_of(alphas, [&](double alpha) { return std::abs(alpha - corner) <= kRounding; }))
      return nullptr;
  }
  for (std::size_t i = 0; i < alphas.size(); ++i) {
    for (std::size_t j = 0; j < alphas.size(); ++j) {
      if (inside(alphas[i]) && inside(alphas[j])) values.push_back(map[i][j]);
    }
  }
  return mean(values);
}

Json summary(const Map& xi, const std::vector<double>& alphas) {
  std::int64_t light = 0;
  for (const std::vector<double>& row : xi) {
    for (const double value : row) light += value / 2.0 < kLightBelow ? 1 : 0;
  }
  return {{"at_one", mean_within(xi, alphas, 1.0, 1.0)},
          {"mean_zero_to_one", mean_within(xi, alphas, 0.0, 1.0)},
          {"mean_search_box", mean_within(xi, alphas, -kSearchBox, kSearchBox)},
          {"mean_map", mean_within(xi, alphas, alphas.front(), alphas.back())},
          {"light_share", static_cast<double>(light) / static_cast<double>(alphas.size() * alphas.size())}};
}

class Disentanglement {
 public:
  Disentanglement(const Context& context, const Pretrained& pretrained, const DisentanglementGrid& grid)
      : images_(grid.images),
        alphas_(symmetric_alphas(grid)),
        shards_(context.shards()),
        pretrained_(pretrained),
        model_(pretrained.model(), pretrained.theta0) {}

  const std::vector<double>& alphas() const { return alphas_; }

  Json pair(const TaskVectors& first, const TaskVectors& second) const {
    Progress progress("disentanglement " + first.task.name + ", " + second.task.name,
                      static_cast<std::int64_t>(2 * kModes.size() * alphas_.size()), 0, 1, "rows");
    std::int64_t done = 0;
    const auto row_done = [&] { progress.update(++done); };
    Json result{{"tasks", {first.task.name, second.task.name}}};
    std::map<std::string, std::vector<Map>> terms;
    for (const std::size_t side : {std::size_t{0}, std::size_t{1}}) {
      const TaskData& task = (side == 0 ? first : second).task;
      const models::ZeroShotHead head = zero_shot_head(pretrained_, task.text);
      const datasets::Subset images = first_images(task.test, images_);
      result["images"].push_back(images.size());
      const std::vector<nn::ParamTree> directions{first.standard, second.standard, first.linear.value(),
                                                  second.linear.value()};
      const TangentFeatures tangent = tangent_features(model_, images, directions, shards_);
      terms["standard"].push_back(disagreements(
          [&](double alpha1, double alpha2) {
            nn::ParamTree theta = model_.theta0();
            theta.axpy(alpha1, first.standard).axpy(alpha2, second.standard);
            return head.predict(features(model_.model(), theta, images, shards_).values);
          },
          alphas_, side, row_done));
      const auto linearised = [&](std::size_t direction) {
        return [&, direction](double alpha1, double alpha2) {
          return head.predict(tangent.at({{alpha1, direction}, {alpha2, direction + 1}}).values);
        };
      };
      terms["posthoc"].push_back(disagreements(linearised(0), alphas_, side, row_done));
      terms["linear"].push_back(disagreements(linearised(2), alphas_, side, row_done));
    }
    for (const char* mode : kModes) {
      const std::vector<Map>& of = terms.at(mode);
      const Map xi = combine(of[0], of[1], 1.0);
      result["modes"][mode] = {{"disagreement", of},
                               {"xi_sum", xi},
                               {"xi_mean", combine(of[0], of[1], 0.5)},
                               {"summary", summary(xi, alphas_)}};
    }
    return result;
  }

 private:
  std::int64_t images_;
  std::vector<double> alphas_;
  nn::Shards shards_;
  const Pretrained& pretrained_;
  nn::TangentModel model_;
};

const TaskVectors& find_task(const std::vector<TaskVectors>& tasks, const std::string& name) {
  return *std::ranges::find_if(tasks, [&](const TaskVectors& task) { return task.task.name == name; });
}

// The maps of a pair side by side: α1 to the right, α2 upwards, tenths of xi_mean, a dot below one tenth; bars enclose the
// search box.
std::string maps_in_characters(const Json& pair, const std::vector<double>& alphas) {
  const auto inside = [](double alpha) { return std::abs(alpha) <= kSearchBox + kRounding; };
  const std::size_t G = alphas.size();
  const auto row_of = [&](const Json& map, std::size_t j) {
    std::string row;
    for (std::size_t i = 0; i <= G; ++i) {
      const bool edge = (i < G && inside(alphas[i])) != (i > 0 && inside(alphas[i - 1]));
      if (edge) row += inside(alphas[j]) ? '|' : ' ';
      if (i == G) break;
      const double xi = map.at(i).at(j).get<double>();
      row += xi < 0.1 ? '.' : static_cast<char>('0' + static_cast<int>(std::min(9.0, 10.0 * xi)));
    }
    return row;
  };
  std::string text;
  for (std::size_t j = G; j-- > 0;) {
    const std::string label = decimals(alphas[j], 2);
    text += std::string(label.size() < 6 ? 6 - label.size() : 0, ' ') + label;
    for (const char* mode : kModes) text += "   " + row_of(pair.at("modes").at(mode).at("xi_mean"), j);
    text += "\n";
  }
  return text;
}

}  // namespace

DisentanglementGrid disentanglement_grid(std::string_view preset) {
  return of_preset<DisentanglementGrid>(preset, {7, 3.0, 32}, {13, 3.0, 128}, {25, 3.0, 512});
}

std::vector<TaskPair> default_pairs(const std::vector<TaskSource>& sources) {
  const std::size_t half = sources.size() / 2;
  std::vector<TaskPair> pairs;
  for (std::size_t i = 0; i < half; ++i) pairs.emplace_back(sources[i].name, sources[i + half].name);
  return pairs;
}

std::vector<TaskPair> parse_pairs(const std::vector<std::string>& pairs, const std::vector<TaskSource>& sources) {
  if (pairs.empty()) return default_pairs(sources);
  std::vector<TaskPair> parsed;
  for (const std::string& text : pairs) {
    const std::size_t colon = text.find(':');
    if (colon == std::string::npos)
      throw std::invalid_argument("[pairs] '" + text + "' is not a pair of tasks such as digits:signs.");
    const TaskPair pair{text.substr(0, colon), text.substr(colon + 1)};
    for (const std::string& name : {pair.first, pair.second}) {
      if (std::ranges::none_of(sources, [&](const TaskSource& source) { return source.name == name; }))
        throw std::invalid_argument("[pairs] '" + text + "': '" + name +
                                    "' is not one of the tasks; --tasks names them.");
    }
    if (pair.first == pair.second)
      throw std::invalid_argument("[pairs] '" + text + "': a pair is of two different tasks.");
    parsed.push_back(pair);
  }
  return parsed;
}

Json disentanglement(const Context& context, const TaskVectorInputs& inputs, const std::vector<TaskPair>& pairs,
                     const DisentanglementGrid& grid, const RunFolder& folder) {
  if (pairs.empty()) throw std::invalid_argument("[disentanglement] needs at least two tasks.");
  Json names = Json::array();
  for (const auto& [first, second] : pairs) names.push_back({first, second});
  TaskVectorInputs of_pairs = without_control(inputs);
  std::erase_if(of_pairs.sources, [&](const TaskSource& source) {
    return std::ranges::none_of(
        pairs, [&](const TaskPair& pair) { return pair.first == source.name || pair.second == source.name; });
  });
  return task_vector_stage(
      "disentanglement", context, of_pairs,
      {{"pairs", names}, {"points", grid.points}, {"range", grid.range}, {"images", grid.images}}, folder,
      [&](const std::vector<TaskVectors>& tasks, const TaskData*) {
        const Disentanglement experiment(context, inputs.pretrained, grid);
        Json results{
            {"alphas", experiment.alphas()}, {"search_box", {-kSearchBox, kSearchBox}}, {"light_below", kLightBelow}};
        for (const auto& [first, second] : pairs)
          results["pairs"].push_back(experiment.pair(find_task(tasks, first), find_task(tasks, second)));
        return results;
      });
}

Json mean_over_pairs(const Json& results, const std::string& mode, const std::string& key) {
  std::vector<double> values;
  for (const Json& pair : results.at("pairs")) {
    const Json& value = pair.at("modes").at(mode).at("summary").at(key);
    if (value.is_null()) return nullptr;
    values.push_back(value.get<double>());
  }
  return mean(values);
}

std::string disentanglement_table(const Json& results) {
  const std::vector<double> alphas = results.at("alphas").get<std::vector<double>>();
  const std::array<const char*, 5> columns{"at_one", "mean_zero_to_one", "mean_search_box", "mean_map", "light_share"};
  std::string text =
      "Disentanglement error xi: in the columns the sum of both tasks' disagreement (0 to 2), in the maps tenths of "
      "their mean\n";
  for (const Json& pair : results.at("pairs")) {
    const std::string first = pair.at("tasks").at(0).get<std::string>();
    const std::string second = pair.at("tasks").at(1).get<std::string>();
    TextTable table;
    table.row("", {"xi(1,1)", "[0,1]^2", "[-1,1]^2", "map", "light"});
    for (const char* mode : kModes) {
      std::vector<std::string> cells;
      for (const char* column : columns) {
        cells.push_back(or_dash(pair.at("modes").at(mode).at("summary").at(column), three_decimals));
      }
      table.row(mode, cells);
    }
    const std::vector<std::int64_t> images = pair.at("images").get<std::vector<std::int64_t>>();
    text += "\n" + first + " (alpha1, to the right) and " + second + " (alpha2, upwards), on " +
            std::to_string(images.at(0)) + " and " + std::to_string(images.at(1)) + " images\n" + table.text() +
            maps_in_characters(pair, alphas);
  }
  return text +
         "\nmaps, from left to right: standard, posthoc, linear; a dot is below one tenth, bars enclose the search box "
         "[-1,1]^2\n"
         "light: share of the map where that mean is below a quarter\n" +
         about_cut(results);
}

}  // namespace experiments
