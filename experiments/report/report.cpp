#include "experiments/report/report.hpp"

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "engine/tensor/atomic_file.hpp"
#include "experiments/common/progress.hpp"
#include "experiments/common/run_folder.hpp"
#include "experiments/report/catalogue.hpp"
#include "experiments/report/html.hpp"

namespace experiments {
namespace {

constexpr std::string_view kHead = R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Task arithmetic in the tangent space</title>
<style>
:root { color-scheme: light; }
body { margin: 0 auto; padding: 1rem; max-width: 62rem; background: #fff; color: #111;
  font: 1rem/1.5 system-ui, sans-serif; }
h1, h2 { line-height: 1.2; }
h2 { margin-top: 3rem; border-top: 1px solid #ccc; padding-top: 1rem; }
nav a { display: inline-block; margin-right: 1rem; }
a { color: #0057ae; }
pre { overflow-x: auto; padding: .6rem; background: #f6f6f6; font: .8rem/1.35 ui-monospace, monospace; }
table { border-collapse: collapse; }
th, td { padding: .15rem 1rem .15rem 0; text-align: left; vertical-align: top; overflow-wrap: anywhere; }
td.number { text-align: right; }
figure { margin: 1.5rem 0; }
figure > div { overflow-x: auto; }
figure svg { display: block; width: 100%; min-width: 36rem; height: auto; }
figcaption, .note { color: #444; font-size: .9rem; }
.note { border-left: .25rem solid #d55e00; padding-left: .6rem; }
</style>
</head>
<body>
)";

// gnuplot, or why there are no figures.
struct Drawing {
  std::optional<Gnuplot> gnuplot;
  std::string missing;
};

Drawing find_gnuplot() {
  try {
    Gnuplot gnuplot;
    if (gnuplot.is_there()) return {gnuplot, {}};
    return {std::nullopt, "The figures need gnuplot, which was not found; on Debian it is in the package gnuplot-nox."};
  } catch (const std::exception& error) {
    return {std::nullopt, "There are no figures: " + std::string(error.what())};
  }
}

std::string note(const std::string& text) { return "<p class=\"note\">" + escaped(text) + "</p>\n"; }

std::string figure_html(const Figure& figure, const std::string& prefix, const Gnuplot& gnuplot) {
  try {
    return "<figure><div>\n" + gnuplot.draw(figure, prefix) + "\n</div><figcaption>" + escaped(figure.caption) +
           "</figcaption></figure>\n";
  } catch (const std::exception& error) {
    say("report: a figure is left out: " + std::string(error.what()));
    return note("A figure is missing here. " + std::string(error.what()));
  }
}

std::string section(const Experiment& experiment, const Json& results, const Drawing& drawing) {
  std::string html = "<section id=\"" + escaped(experiment.name) + "\">\n<h2>" + escaped(experiment.title) +
                     "</h2>\n<p>" + escaped(experiment.question) + "</p>\n<pre>" + escaped(experiment.table(results)) +
                     "</pre>\n";
  if (experiment.figures && drawing.gnuplot.has_value()) {
    int count = 0;
    for (const Figure& figure : experiment.figures(results))
      html += figure_html(figure, experiment.name + "_" + std::to_string(++count) + "_", *drawing.gnuplot);
  }
  return html + "</section>\n";
}

std::string text_of(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

std::string run_table(const Json& manifest) {
  std::string rows;
  const auto row = [&](const std::string& name, const Json& value) {
    rows += "<tr><th scope=\"row\">" + escaped(name) + "</th><td>" + escaped(text_of(value)) + "</td></tr>\n";
  };
  for (const auto& [key, value] : manifest.items()) {
    if (key != "fingerprint") row(key, value);
  }
  for (const auto& [key, value] : manifest.at("fingerprint").items()) {
    if (key != "command") row(key, value);
  }
  return "<table>\n" + rows + "</table>\n";
}

std::string time_table(const Json& seconds) {
  std::string rows;
  double total = 0.0;
  const auto row = [&](const std::string& name, double time) {
    rows += "<tr><th scope=\"row\">" + escaped(name) + "</th><td class=\"number\">" + escaped(duration(time)) +
            "</td></tr>\n";
  };
  for (const auto& [stage, time] : seconds.items()) {
    row(stage, time.get<double>());
    total += time.get<double>();
  }
  row("together", total);
  return "<table>\n" + rows + "</table>\n";
}

}  // namespace

void write_report(const std::filesystem::path& folder) {
  const Json results = read_json(folder / "results.json");
  const Json manifest = read_json(folder / "manifest.json");
  const Drawing drawing = find_gnuplot();
  std::string html(kHead);
  html +=
      "<h1>Task arithmetic in the tangent space</h1>\n<p>What <code>reproduce</code> measured of the experiments of "
      "Ortiz-Jimenez, Favero and Frossard, NeurIPS 2023 (arXiv 2305.12827), at a small scale. The page "
      "<code>docs/NAME.md</code> of each experiment says how to read its numbers.</p>\n";
  if (!drawing.missing.empty()) {
    say("report: " + drawing.missing);
    html += note(drawing.missing);
  }
  std::string contents;
  std::string sections;
  for (const Experiment& experiment : catalogue()) {
    if (!results.contains(experiment.name)) continue;
    contents += "<a href=\"#" + escaped(experiment.name) + "\">" + escaped(experiment.title) + "</a>\n";
    sections += section(experiment, results.at(experiment.name), drawing);
  }
  html += "<nav>\n" + contents + "<a href=\"#run\">This run</a>\n</nav>\n" + sections +
          "<section id=\"run\">\n<h2>This run</h2>\n";
  if (const Json& options = manifest.at("fingerprint"); options.contains("command"))
    html += "<pre>" + escaped(options.at("command").get<std::string>()) + "</pre>\n";
  html +=
      run_table(manifest) + "<h3>Time</h3>\n" + time_table(results.at("seconds")) + "</section>\n</body>\n</html>\n";
  engine::write_text_file(folder / "report.html", html);
}

}  // namespace experiments
