#include "experiments/report/figures.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <functional>
#include <nlohmann/json.hpp>
#include <utility>

#include "experiments/arithmetic/scores.hpp"
#include "experiments/common/text_table.hpp"

namespace experiments {
namespace {

// A line of a data file: numbers apart by tabs; what is not finite, or null, is a gap in the curve.
std::string number(double value) {
  if (!std::isfinite(value)) return "nan";
  char text[32];
  std::snprintf(text, sizeof(text), "%.7g", value);
  return text;
}

std::string number(const Json& value, double factor = 1.0) {
  return value.is_null() ? "nan" : number(factor * value.get<double>());
}

std::string line(const std::vector<std::string>& cells) {
  std::string text;
  for (const std::string& cell : cells) text += (text.empty() ? "" : "\t") + cell;
  return text + "\n";
}

// A name in a data file: no tab or end of line, no quote, and no backslash, which gnuplot reads as an escape there.
std::string name_cell(const std::string& name) {
  std::string cell = name;
  for (char& c : cell) {
    if (static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\') c = '?';
  }
  return "\"" + cell + "\"";
}

// Of the linetypes of the three modes, the outlines of their points.
constexpr std::array<const char*, 3> kHollow{"6", "8", "4"};

std::vector<std::string> task_names(const Json& results) { return results.at("tasks").get<std::vector<std::string>>(); }

// "plot 'a' using ..., 'b' using ..."
std::string plot(const std::vector<std::string>& parts) {
  std::string text = "plot ";
  for (std::size_t i = 0; i < parts.size(); ++i) text += (i > 0 ? ", \\\n  " : "") + parts[i];
  return text + "\n";
}

// One of the bars of a cluster.
struct Bar {
  std::string title;
  std::string style;  // linetype and fill
};

Bar bar(std::size_t index, const std::string& title) {  // the style is that of a mode, or of a point
  constexpr std::array<const char*, 3> kFills{"3", "6", "5"};
  return {title, "lt " + std::to_string(index + 1) + " dt 1 lw 1 fs pattern " + kFills[index % kFills.size()]};
}

Bar grey_bar(const std::string& title) { return {title, "lt 8 dt 1 lw 1 fs solid 0.4"}; }

// Sets the stage for `clusters` clusters of bars.
std::string bar_chart(std::size_t clusters) {
  return "set style data histograms\nset style histogram clustered gap 1\nset boxwidth 0.9\n"
         "set yrange [0:0.01<*]\nset xrange [-0.7:" +
         number(static_cast<double>(clusters) - 0.3) + "]\nset grid noxtics\nset key outside top center horizontal\n";
}

// Each line of the file is a cluster: its name, then the heights of the bars. `over` is plotted after them.
std::string plot_bars(const std::string& file, const std::vector<Bar>& bars,
                      const std::vector<std::string>& over = {}) {
  std::vector<std::string> parts;
  for (const Bar& of : bars) {
    const std::string column = std::to_string(parts.size() + 2);
    parts.push_back((parts.empty() ? quoted(file) + " using " + column + ":xtic(1) " : "'' using " + column + " ") +
                    of.style + " title " + quoted(of.title));
  }
  parts.insert(parts.end(), over.begin(), over.end());
  return plot(parts);
}

// A point of a panel, in pixels from its lower left corner, and its name.
struct PlottedPoint {
  double x, y;
  std::string name;
};

struct Label {
  double x, y;       // the end of the text that is next to the point, in the middle of its height
  bool to_the_left;  // of the point
  bool is_away;      // far enough to need a line to the point
  double point_x, point_y;
  std::string text;
};

struct Box {
  double left, bottom, right, top;
  bool meets(const Box& other) const {
    return left < other.right && other.left < right && bottom < other.top && other.bottom < top;
  }
};

// Names beside their points in a square panel, where they hide neither each other nor a point: each in turn, from the top, at
// the nearest such place to the left or right of its point; where there is none, at the left.
std::vector<Label> beside(std::vector<PlottedPoint> points, double side) {
  constexpr double kBeside = 9.0, kCharacter = 6.6, kHalfLine = 6.5, kHalfPoint = 5.5, kStep = 3.0;
  std::ranges::stable_sort(points, std::greater<>(), &PlottedPoint::y);
  std::vector<Box> taken;
  for (const PlottedPoint& p : points)
    taken.push_back({p.x - kHalfPoint, p.y - kHalfPoint, p.x + kHalfPoint, p.y + kHalfPoint});
  std::vector<Label> labels;
  for (const PlottedPoint& p : points) {
    const double width = kCharacter * static_cast<double>(p.name.size());
    const auto box = [&](const Label& label) {
      const double left = label.to_the_left ? label.x - width : label.x;
      return Box{left, label.y - kHalfLine, left + width, label.y + kHalfLine};
    };
    const auto candidate = [&](double up, bool to_the_left) {
      const bool is_away = std::abs(up) > kHalfLine;
      const double gap = is_away ? 2.0 * kBeside : kBeside;
      return Label{p.x + (to_the_left ? -gap : gap), p.y + up, to_the_left, is_away, p.x, p.y, p.name};
    };
    const auto is_free = [&](const Label& label) {
      const Box own = box(label);
      return own.left >= 0.0 && own.right <= side && own.bottom >= 0.0 && own.top <= side &&
             std::ranges::none_of(taken, [&](const Box& other) { return own.meets(other); });
    };
    Label chosen = candidate(0.0, true);
    for (double far = 0.0; far < side && !is_free(chosen); far += kStep) {
      for (const auto& [up, to_the_left] : {std::pair(far, true), {-far, false}, {-far, true}, {far, false}}) {
        if (const Label label = candidate(up, to_the_left); is_free(label)) {
          chosen = label;
          break;
        }
      }
    }
    taken.push_back(box(chosen));
    labels.push_back(std::move(chosen));
  }
  return labels;
}

// Panels of what a sweep measured, against what it varied.
class SweptPanels {
 public:
  explicit SweptPanels(const Json& results)
      : rows_(results.at("summary")), vary_(results.at("vary").get<std::string>()) {}

  Figure figure(const std::string& caption) const {  // with room for two panels
    std::string ticks;
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      ticks += (i > 0 ? ", " : "") + quoted(written(rows_[i].at("value").get<double>())) + " " + std::to_string(i);
    }
    return {.caption = caption,
            .script = "set multiplot layout 1,2\nset xlabel " + quoted(vary_) + "\nset xtics (" + ticks +
                      ")\nset xrange [-0.3:" + number(static_cast<double>(rows_.size()) - 0.7) +
                      "]\nset key outside top center horizontal\n",
            .files = {},
            .width = 860,
            .height = 400};
  }

  // A curve of each mode, and in grey that of zero-shot, which all modes share. False if no run has such a number.
  bool add(Figure& figure, const std::string& quantity, const std::string& label, double factor,
           bool with_zero_shot = false) const {
    double least = 0.0;
    std::vector<std::string> parts;
    const auto add_curve = [&](const std::string& file, double shift, const std::string& path,
                               const std::string& style) {
      const Curve curve = curve_of(path, shift, factor);
      if (curve.data.empty()) return;
      least = std::min(least, curve.least);
      figure.files.emplace_back(file, curve.data);
      parts.push_back("'" + file + "' using 1:2:3 with yerrorlines " + style);
    };
    for (std::size_t m = 0; m < kModes.size(); ++m) {
      const double shift = 0.04 * (static_cast<double>(m) - 1.0);  // side by side, so that bars do not hide each other
      add_curve(quantity + "_" + kModes[m], shift, std::string("/modes/") + kModes[m] + "/" + quantity,
                "lt " + std::to_string(m + 1) + " title " + quoted(kModes[m]));
    }
    if (parts.empty()) return false;
    if (with_zero_shot) add_curve("zero_shot", 0.0, "/zero_shot", "lt 8 dt 3 ps 0.5 title 'zero-shot'");
    figure.script += std::string("set yrange ") + (least < 0.0 ? "[*:0.01<*]" : "[0:0.01<*]") + "\nset ylabel " +
                     quoted(label) + "\n" + plot(parts);
    return true;
  }

 private:
  struct Curve {
    std::string data;  // x, mean, deviation
    double least = 0.0;
  };
  Curve curve_of(const std::string& path, double shift, double factor) const {
    Curve curve;
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      const Json& spread = rows_[i].at(Json::json_pointer(path));
      if (spread.is_null()) continue;
      const double mean = factor * spread.at("mean").get<double>();
      const Json& over_seeds = spread.at("deviation");  // null of one
      const double deviation = over_seeds.is_null() ? 0.0 : factor * over_seeds.get<double>();
      curve.least = std::min(curve.least, mean - deviation);
      curve.data += line({number(static_cast<double>(i) + shift), number(mean), number(deviation)});
    }
    return curve;
  }

  const Json& rows_;
  std::string vary_;
};

}  // namespace

std::vector<Figure> pretraining_figures(const Json& results) {
  const auto losses = results.at("losses").get<std::vector<double>>();
  std::string data;
  for (std::size_t i = 0; i < losses.size(); ++i) {
    data += line({number(100.0 * static_cast<double>(i + 1) / static_cast<double>(losses.size())), number(losses[i])});
  }
  return {{.caption = "Contrastive loss of pre-training, in means over about a hundredth of the steps each.",
           .script = "set xlabel 'steps done (%)'\nset ylabel 'loss (nats)'\nunset key\n" +
                     plot({"'loss' using 1:2 with lines lt 2 dt 1"}),
           .files = {{"loss", data}},
           .width = 520,
           .height = 290}};
}

std::vector<Figure> single_task_figures(const Json& results) {
  const std::vector<const char*> modes = modes_in(results.at("single_task"));
  double least = 1.0;
  double most = 0.0;
  for (const Json& point : results.at("points")) {
    for (const char* mode : modes) {
      least = std::min(least, point.at(mode).get<double>());
      most = std::max(most, point.at(mode).get<double>());
    }
  }
  const double low = std::min(90.0, 10.0 * std::floor(10.0 * least));
  const double high = std::max(low + 10.0, 10.0 * std::ceil(10.0 * most));
  const std::string range = "[" + number(low) + ":" + number(high) + "]";
  Figure figure{
      .caption =
          "Single-task test accuracy of the network fine-tuned in weight space (to the right) against its "
          "linearisation (left panel) and against fine-tuning in the tangent space (right panel). How far a "
          "task lies below the dotted line is the non-linear advantage, up to the factor 1 / (1 - 1/classes).",
      .script =
          "set multiplot\nset xlabel 'standard (%)'\nset tmargin at screen 0.952\n"
          "set bmargin at screen 0.167\n",
      .files = {},
      .width = 860,
      .height = 420};
  const double side = 330.0;  // of a panel, in pixels
  for (std::size_t m = 1; m < modes.size(); ++m) {
    const std::string mode = modes[m];
    const double left = m == 1 ? 80.0 : 510.0;
    std::string data;
    std::vector<PlottedPoint> points;
    for (const Json& point : results.at("points")) {
      data += line({number(point.at("standard"), 100), number(point.at(mode), 100)});
      const auto pixels = [&](const std::string& of) {
        return (100.0 * point.at(of).get<double>() - low) / (high - low) * side;
      };
      points.push_back({pixels("standard"), pixels(mode), point.at("task").get<std::string>()});
    }
    const auto coordinate = [&](double pixels) { return number(low + pixels / side * (high - low)); };
    figure.script += "unset label\nunset arrow\nset lmargin at screen " + number(left / figure.width) +
                     "\nset rmargin at screen " + number((left + side) / figure.width) + "\nset ylabel '" + mode +
                     " (%)'\n";
    for (const Label& label : beside(points, side)) {
      const std::string place = coordinate(label.x) + "," + coordinate(label.y);
      figure.script += "set label " + quoted(label.text) + " at " + place + (label.to_the_left ? " right" : " left") +
                       " font ',11'\n";
      if (label.is_away) {
        figure.script += "set arrow from " + coordinate(label.point_x) + "," + coordinate(label.point_y) + " to " +
                         place + " nohead back lc rgb '#7f7f7f' lw 0.7\n";
      }
    }
    figure.script += plot({range + " " + range + " x with lines lc rgb '#7f7f7f' lw 1 dt 3 notitle",
                           "'" + mode + "' using 1:2 with points lt " + std::to_string(m + 1) + " ps 1.1 notitle"});
    figure.files.emplace_back(mode, data);
  }
  return {figure};
}

std::vector<Figure> addition_figures(const Json& results) {
  const auto alphas = results.at("alpha_grid").get<std::vector<double>>();
  const std::vector<std::string> quantities{"absolute", "normalised"};
  const std::vector<const char*> modes = modes_in(results.at("addition"));
  Figure curves{.caption =
                    "The sum of all task vectors, scaled by alpha: average accuracy on validation images, absolute "
                    "(left) and as a share of the single-task accuracy of the same mode (right). The hollow mark "
                    "is the alpha that is chosen. At alpha = 0 all are the pre-trained model.",
                .script =
                    "set multiplot layout 1,2\nset xlabel 'alpha'\nset xrange [0:1]\nset yrange [0:0.01<*]\n"
                    "set key bottom left\n",
                .files = {},
                .width = 860,
                .height = 400};
  for (const std::string& quantity : quantities) {
    std::vector<std::string> parts;
    for (std::size_t m = 0; m < modes.size(); ++m) {
      const Json& mode = results.at("addition").at(modes[m]);
      const Json& values = mode.at("curve").at(quantity);
      const double chosen = mode.at("alpha").get<double>();
      std::string curve;
      std::string mark;
      for (std::size_t i = 0; i < alphas.size(); ++i) {
        curve += line({number(alphas[i]), number(values.at(i), 100)});
        if (alphas[i] == chosen) mark = line({number(alphas[i]), number(values.at(i), 100)});
      }
      const std::string file = quantity + "_" + modes[m];
      const std::string style = " lt " + std::to_string(m + 1);
      curves.files.emplace_back(file, curve);
      curves.files.emplace_back(file + "_chosen", mark);
      parts.push_back("'" + file + "' using 1:2 with lines" + style + " title " + quoted(modes[m]));
      // Hollow, so that marks at one place do not hide each other.
      parts.push_back("'" + file + "_chosen' using 1:2 with points" + style + " dt 1 pt " + kHollow[m] +
                      " ps 1.7 notitle");
    }
    curves.script += "set ylabel '" + quantity + " accuracy (%)'\n" + plot(parts);
  }

  Figure sizes{.caption =
                   "Sums of K task vectors: test accuracy, mean and standard deviation over the sums that were "
                   "measured, each with an alpha of its own.",
               .script =
                   "set multiplot layout 1,2\nset xlabel 'K (task vectors added)'\nset logscale x 2\n"
                   "set yrange [0:0.01<*]\nset key bottom left\n",
               .files = {},
               .width = 860,
               .height = 400};
  std::string ticks;
  std::int64_t largest = 1;
  for (const Json& family : results.at("subsets")) {
    largest = family.at("size").get<std::int64_t>();
    ticks += (ticks.empty() ? "" : ",") + std::to_string(largest);
  }
  sizes.script += "set xtics (" + ticks + ")\nset xrange [1.6:" + number(1.25 * static_cast<double>(largest)) + "]\n";
  for (const std::string& quantity : quantities) {
    std::vector<std::string> parts;
    for (std::size_t m = 0; m < modes.size(); ++m) {
      std::string data;
      for (const Json& family : results.at("subsets")) {
        const Json& spread = family.at("summary").at(modes[m]).at(quantity);
        // Side by side, so that bars do not hide each other.
        const double K = family.at("size").get<double>() * (1.0 + 0.03 * (static_cast<double>(m) - 1.0));
        data += line({number(K), number(spread.at("mean"), 100), number(spread.at("deviation"), 100)});
      }
      const std::string file = quantity + "_" + modes[m];
      sizes.files.emplace_back(file, data);
      parts.push_back("'" + file + "' using 1:2:3 with yerrorlines lt " + std::to_string(m + 1) + " title " +
                      quoted(modes[m]));
    }
    sizes.script += "set ylabel '" + quantity + " accuracy (%)'\n" + plot(parts);
  }
  if (results.at("subsets").size() < 2) return {curves};
  return {curves, sizes};
}

std::vector<Figure> negation_figures(const Json& results) {
  const Json& control = results.at("control");
  const std::vector<const char*> modes = modes_in(results.at("negation"));
  std::string target;
  std::string kept;
  const bool knows_chance = results.contains("classes") && control.contains("classes");  // not of earlier days
  for (const std::string& task : task_names(results)) {
    const auto cells = [&](const char* which, const Json& zero_shot, const Json& classes) {
      std::vector<std::string> values{name_cell(task), number(zero_shot, 100)};
      for (const char* mode : modes) values.push_back(number(results.at("negation").at(mode).at(which).at(task), 100));
      if (knows_chance) values.push_back(number(100.0 / classes.get<double>()));
      return values;
    };
    target += line(cells("target", results.at("zero_shot").at(task),
                         knows_chance ? results.at("classes").at(task) : Json(nullptr)));
    kept += line(cells("control", control.at("zero_shot"), control.value("classes", Json(nullptr))));
  }
  std::vector<Bar> bars{grey_bar("pre-trained")};
  for (std::size_t m = 0; m < modes.size(); ++m) bars.push_back(bar(m, modes[m]));
  std::vector<std::string> chance;  // across each task's bars, a line where guessing is
  if (knows_chance) {
    chance.push_back("'' using 0:" + std::to_string(bars.size() + 2) +
                     ":(0.45) with xerrorbars pt 0 lw 1.5 lc rgb 'black' title 'guessing'");
  }
  return {{.caption = "Test accuracy after subtracting each task's vector: on the task itself, where low is forgotten "
                      "(above), and on the control task, which should stay as it was (below).",
           .script = "set multiplot layout 2,1\n" + bar_chart(results.at("tasks").size()) +
                     "set xtics rotate by -20\nset lmargin at screen 0.09\nset rmargin at screen 0.98\n"
                     "set ylabel 'target (%)'\n" +
                     plot_bars("target", bars, chance) + "unset key\nset ylabel " +
                     quoted(control.at("task").get<std::string>() + " (%)") + "\n" + plot_bars("control", bars, chance),
           .files = {{"target", target}, {"control", kept}},
           .width = 860,
           .height = 600}};
}

std::vector<Figure> disentanglement_figures(const Json& results) {
  const auto alphas = results.at("alphas").get<std::vector<double>>();
  const auto box = results.at("search_box").get<std::vector<double>>();
  const std::size_t G = alphas.size();
  const double half_cell = (alphas.back() - alphas.at(0)) / static_cast<double>(G - 1) / 2.0;
  const std::string range = " [" + number(alphas.at(0) - half_cell) + ":" + number(alphas.back() + half_cell) + "]";
  std::vector<Figure> figures;
  for (const Json& pair : results.at("pairs")) {
    const auto first = pair.at("tasks").at(0).get<std::string>();
    const auto second = pair.at("tasks").at(1).get<std::string>();
    Figure figure{
        .caption = "Disentanglement error of " + first + " and " + second +
                   ", as the mean over both of the share of predictions that change: standard, posthoc and "
                   "linear. White is below 0.05: the vectors leave each other alone. The box is where alpha is "
                   "searched.",
        .script =
            "set multiplot layout 1,3 margins screen 0.065, 0.885, 0.2, 0.83 spacing screen 0.075\n"
            "set size square\nset border 15\nunset key\nunset grid\n"
            "set palette maxcolors 20\nset cbrange [0:1]\nset cblabel 'share of predictions'\nunset "
            "colorbox\nset palette defined (0 "
            "'#ffffff', 0.25 '#c6dbef', 0.5 '#6baed6', "
            "0.75 '#2171b5', 1 '#08306b')\n"
            "set xlabel " +
            quoted("alpha of " + first) + "\nset ylabel " + quoted("alpha of " + second) +
            "\nset object 1 rectangle from " + number(box.at(0)) + "," + number(box.at(0)) + " to " +
            number(box.at(1)) + "," + number(box.at(1)) + " front fillstyle empty border rgb '#d55e00' linewidth 2\n",
        .files = {},
        .width = 960,
        .height = 340};
    for (const std::string mode : kModes) {
      const Json& map = pair.at("modes").at(mode).at("xi_mean");
      std::string data;
      for (std::size_t i = 0; i < G; ++i) {
        for (std::size_t j = 0; j < G; ++j)
          data += line({number(alphas[i]), number(alphas[j]), number(map.at(i).at(j))});
      }
      figure.files.emplace_back(mode, data);
      if (mode == kModes.back()) figure.script += "set colorbox user origin screen 0.9, 0.2 size screen 0.014, 0.63\n";
      figure.script += "set title " + quoted(mode) + "\n" +
                       plot({range + range + " " + quoted(mode) + " using 1:2:3 with image pixels"});
    }
    figures.push_back(std::move(figure));
  }
  return figures;
}

std::vector<Figure> linearization_error_figures(const Json& results) {
  const auto alphas = results.at("alphas").get<std::vector<double>>();
  // Mean over tasks of e(α); empty if no task has such a part.
  const auto mean_curve = [&](const std::string& mode, const std::string& group) {
    std::vector<std::vector<double>> curves;
    for (const auto& [task, groups] : results.at("curves").at(mode).items()) {
      if (const Json& curve = groups.at(group); !curve.is_null())
        curves.push_back(curve.at("error").get<std::vector<double>>());
    }
    std::vector<double> means;
    for (std::size_t i = 0; i < alphas.size() && !curves.empty(); ++i) {
      std::vector<double> values;
      for (const std::vector<double>& curve : curves) values.push_back(curve.at(i));
      means.push_back(mean(values));
    }
    return means;
  };
  Figure figure{.caption =
                    "Distance of the network from its tangent model along the task vectors, mean over tasks. Left: "
                    "the whole vector, of both kinds of fine-tuning. Right: the parts of the standard vectors in each "
                    "group of parameters. The dotted lines have slope 2, that of the second-order term.",
                .script =
                    "set multiplot layout 1,2\nset logscale xy\nset format y '%.0e'\nset xlabel 'alpha'\n"
                    "set ylabel 'error |f - f_lin|'\nset key bottom right\nset xrange [" +
                    number(alphas.at(0) / 1.5) + ":" + number(alphas.back() * 1.5) +
                    "]\nset lmargin at screen 0.09\nset rmargin at screen 0.42\n",
                .files = {},
                .width = 960,
                .height = 440};
  const auto add = [&](const std::string& file, const std::vector<double>& curve) {
    std::string data;
    for (std::size_t i = 0; i < curve.size(); ++i)
      data += line({number(alphas[i]), curve[i] > 0.0 ? number(curve[i]) : "nan"});
    figure.files.emplace_back(file, data);
    return quoted(file) + " using 1:2 with linespoints";
  };
  std::vector<std::string> parts;
  double start = 0.0;
  for (const std::string mode : {"standard", "linear"}) {
    const std::vector<double> curve = mean_curve(mode, "all");
    if (curve.empty()) continue;
    if (start == 0.0) start = curve.front();
    parts.push_back(add(mode, curve) + " lt " + (mode == "standard" ? "1" : "3") + " title " + quoted(mode));
  }
  if (parts.empty()) return {};
  const auto add_slope = [&](double from) {  // a little below the curves, so as not to hide them
    if (!(from > 0.0)) return;
    parts.push_back(number(from / 3.0) + " * (x / " + number(alphas.at(0)) +
                    ")**2 with lines lc rgb '#7f7f7f' lw 1.5 dt 3 title 'slope 2'");
  };
  add_slope(start);
  figure.script += plot(parts);
  parts.clear();
  std::size_t style = 0;
  start = 0.0;  // of the lowest
  for (const Json& name : results.at("groups")) {
    const auto group = name.get<std::string>();
    if (group == "all") continue;
    const std::vector<double> curve = mean_curve("standard", group);
    ++style;
    if (curve.empty()) continue;
    start = start == 0.0 ? curve.front() : std::min(start, curve.front());
    parts.push_back(add("group" + std::to_string(style), curve) + " lt " + std::to_string(style) + " title " +
                    quoted(group));
  }
  add_slope(start);
  if (!parts.empty()) {
    figure.script +=
        "set key outside right center\nset lmargin at screen 0.53\nset rmargin at screen 0.83\n" + plot(parts);
  }
  return {figure};
}

std::vector<Figure> ntk_localization_figures(const Json& results) {
  const auto points = results.at("points").get<std::vector<std::string>>();
  const std::vector<std::string> tasks = task_names(results);
  const auto G = static_cast<double>(tasks.size());
  std::string ticks;
  for (std::size_t i = 0; i < tasks.size(); ++i)
    ticks += (i > 0 ? ", " : "") + quoted(tasks[i]) + " " + std::to_string(i);
  constexpr double kSide = 260.0;  // of a map, and what its labels need beside it
  constexpr double kLeft = 120.0;
  constexpr double kRight = 100.0;
  constexpr double kBelow = 95.0;
  constexpr double kAbove = 45.0;
  const double width = static_cast<double>(points.size()) * (kSide + kLeft) + kRight;
  const double height = kSide + kBelow + kAbove;
  Figure maps{
      .caption =
          "Mean cosine of the tangent kernel between images of two tasks; on the diagonal, between "
          "images of the same task. The lighter it is beside the diagonal, the less the tasks share.",
      .script = "set multiplot layout 1," + std::to_string(points.size()) + " margins screen " + number(kLeft / width) +
                ", " + number(1.0 - kRight / width) + ", " + number(kBelow / height) + ", " +
                number(1.0 - kAbove / height) + " spacing screen " + number(kLeft / width) +
                "\nset border 15\nunset key\nunset grid\nset cbrange [0:1]\nset cblabel 'mean cosine'\nunset colorbox\n"
                "set palette defined (0 '#ffffff', 0.25 '#c6dbef', 0.5 '#6baed6', 0.75 '#2171b5', 1 '#08306b')\n"
                "set xtics rotate by -45 font ',9' (" +
                ticks + ")\nset ytics font ',9' (" + ticks + ")\n",
      .files = {},
      .width = static_cast<int>(width),
      .height = static_cast<int>(height)};
  Figure curves{.caption =
                    "Eigenfunctions of the tangent kernel on the images of two tasks, the leading one first, in "
                    "means over pairs. Left: eigenvalues as shares of their sum. Right: the larger of an "
                    "eigenfunction's shares on one task, 0.5 if it knows no difference and 1 if it lives on one.",
                .script = "set multiplot layout 1,2\nset xlabel 'eigenfunction'\nset key top right\n",
                .files = {},
                .width = 860,
                .height = 380};
  Figure bars{.caption =
                  "Local energy of the leading eigenfunctions that are made on half of one task's images and "
                  "carried to others: on the images of another task (left) and of the control (right), as a share "
                  "of that on the other half of the task's own, in means over pairs. By weight: all alike, by "
                  "eigenvalue, by what the task's labels have of each. 0 is localised, 1 not at all.",
              .script = "",
              .files = {},
              .width = 860,
              .height = 360};
  std::vector<std::string> spectra;
  std::vector<std::string> shares;
  for (std::size_t p = 0; p < points.size(); ++p) {
    const Json& kernel = results.at("kernels").at(points[p]);
    const std::string number_of_point = std::to_string(p);
    std::string map;
    for (std::size_t i = 0; i < tasks.size(); ++i) {
      for (std::size_t j = 0; j < tasks.size(); ++j) {
        map += line({number(static_cast<double>(i)), number(static_cast<double>(j)),
                     number(kernel.at("cosine").at("matrix").at(i).at(j))});
      }
    }
    const std::string range = " [-0.5:" + number(G - 0.5) + "]";
    maps.files.emplace_back("map" + number_of_point, map);
    if (p + 1 == points.size()) {
      maps.script += "set colorbox user origin screen " + number(1.0 - 0.85 * kRight / width) + ", " +
                     number(kBelow / height) + " size screen 0.014, " + number(kSide / height) + "\n";
    }
    maps.script += "set title " + quoted(points[p]) + "\n" +
                   plot({range + range + " 'map" + number_of_point + "' using 1:2:3 with image pixels"});
    const auto curve = [&](const std::string& file, const Json& values, std::vector<std::string>& parts) {
      std::string data;
      for (std::size_t r = 0; r < values.size(); ++r) {
        const double value = values.at(r).get<double>();
        data += line({number(static_cast<double>(r + 1)), value > 0.0 ? number(value) : "nan"});
      }
      curves.files.emplace_back(file + number_of_point, data);
      parts.push_back("'" + file + number_of_point + "' using 1:2 with linespoints lt " + std::to_string(p + 1) +
                      " title " + quoted(points[p]));
    };
    curve("spectrum", kernel.at("mean").at("spectrum"), spectra);
    curve("localisation", kernel.at("mean").at("localisation").at("raw").at("each"), shares);
  }
  curves.script +=
      "set logscale xy\nset ylabel 'share of the trace'\nset format y '%.0e'\n" + plot(spectra) +
      "unset logscale\nset format y '%g'\nset ylabel 'localisation'\nset yrange [0.5:1]\nset key bottom right\n" +
      plot(shares);

  const std::vector<std::pair<std::string, std::string>> weightings{
      {"plain", "plain"}, {"eigenvalue", "eigenvalue"}, {"coefficient", "labels"}};
  std::vector<std::string> columns{"other_over_own"};
  if (!results.at("control").is_null()) columns.emplace_back("control_over_own");
  bars.script = "set multiplot layout 1," + std::to_string(columns.size()) + "\n" + bar_chart(weightings.size());
  for (const std::string& column : columns) {
    std::string data;
    for (const auto& [weighting, label] : weightings) {
      std::vector<std::string> cells{name_cell(label)};
      for (const std::string& point : points)
        cells.push_back(number(
            results.at("kernels").at(point).at("mean").at("local_energy").at("carried").at(weighting).at(column)));
      data += line(cells);
    }
    bars.files.emplace_back(column, data);
    std::vector<Bar> of_points;
    for (std::size_t p = 0; p < points.size(); ++p) of_points.push_back(bar(p, points[p]));
    bars.script += "set ylabel " + quoted(column == "other_over_own" ? "other task / own" : "control / own") + "\n" +
                   plot_bars(column, of_points);
  }
  return {maps, curves, bars};
}

std::vector<Figure> random_init_figures(const Json& results) {
  Figure figure{.caption =
                    "Test accuracy from random weights (left) and from pre-trained ones (right), means over "
                    "tasks: of a task's own vector, and of the sum of all. Guessing gets " +
                    percent(results.at("random").at("chance").get<double>()) + " %.",
                .script = "set multiplot layout 1,2\n" + bar_chart(2) +
                          "set yrange [0:100]\nset tmargin at screen 0.85\nset bmargin at screen 0.12\n",
                .files = {},
                .width = 860,
                .height = 380};
  std::vector<Bar> bars{grey_bar("zero-shot")};
  for (std::size_t m = 0; m < kModes.size(); ++m) bars.push_back(bar(m, kModes[m]));
  for (const auto& [start, label] : {std::pair("random", "random"), std::pair("pretrained", "pre-trained")}) {
    const Json& of = results.at(start);
    std::string data;
    for (const auto& [name, key] : {std::pair("single task", "single_task"), std::pair("all added", "absolute")}) {
      std::vector<std::string> cells{name_cell(name), number(of.at("zero_shot"), 100)};
      for (const char* mode : kModes) cells.push_back(number(of.at("modes").at(mode).at(key), 100));
      data += line(cells);
    }
    figure.files.emplace_back(start, data);
    figure.script +=
        "set ylabel " + quoted(std::string(label) + ", accuracy (%)") + "\n" + plot_bars(start, bars) + "unset key\n";
  }
  return {figure};
}

std::vector<Figure> kernel_regression_figures(const Json& results) {
  std::string accuracies;
  std::string losses;
  for (const std::string& task : task_names(results)) {
    const Json& of = results.at("per_task").at(task);
    std::vector<std::string> cells{name_cell(task)};
    for (const char* key : {"zero_shot", "standard", "adamw", "solved"}) cells.push_back(number(of.at(key), 100));
    accuracies += line(cells);
    losses +=
        line({name_cell(task), number(of.at("train_loss").at("adamw")), number(of.at("train_loss").at("solved"))});
  }
  const Bar adamw = bar(2, "linear, AdamW");
  const Bar solved{"linear, solved", "lt 3 dt 1 lw 1 fs pattern 2"};
  return {{.caption =
               "Above: test accuracy of the pre-trained model, of the network fine-tuned in weight space, and of "
               "its tangent model, fine-tuned by AdamW and solved by L-BFGS. Below: the loss of the latter two on "
               "the training images.",
           .script = "set multiplot layout 2,1\n" + bar_chart(results.at("tasks").size()) +
                     "set xtics rotate by -20\nset lmargin at screen 0.1\nset rmargin at screen 0.98\n"
                     "set ylabel 'test accuracy (%)'\n" +
                     plot_bars("accuracy", {grey_bar("zero-shot"), bar(0, "standard"), adamw, solved}) +
                     "unset key\nset ylabel 'training loss (nats)'\n" + plot_bars("loss", {adamw, solved}),
           .files = {{"accuracy", accuracies}, {"loss", losses}},
           .width = 860,
           .height = 600}};
}

std::vector<Figure> sweep_figures(const Json& results) {
  const SweptPanels panels(results);
  const std::string over = results.at("seeds").size() > 1 ? " Bars: standard deviation over seeds." : "";
  Figure sums = panels.figure("The sum of all task vectors: average test accuracy");
  panels.add(sums, "absolute", "all tasks added (%)", 100, true);
  const bool has_gap = panels.add(sums, "gap_closed", "gap closed (%)", 100);
  sums.caption +=
      (has_gap ? " (left), and the share of the gap from zero-shot to single-task accuracy that it closes (right)."
               : ".") +
      over;

  Figure apart = panels.figure("");
  if (panels.add(apart, "xi_zero_to_one", "xi", 1))
    apart.caption += "Disentanglement error over [0, 1] x [0, 1], as the sum over both tasks. ";
  if (panels.add(apart, "negation_target", "negated task (%)", 100, true))
    apart.caption += "Test accuracy on a task whose vector is subtracted, where low is forgotten.";
  apart.caption += over;
  if (apart.files.empty()) return {sums};
  return {sums, apart};
}

}  // namespace experiments
