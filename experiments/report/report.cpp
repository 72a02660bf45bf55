#include "experiments/report/report.hpp"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <regex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "engine/tensor/atomic_file.hpp"
#include "experiments/common/interrupt.hpp"
#include "experiments/common/machine.hpp"
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
:root { color-scheme: light dark; --page: #fff; --ink: #111; --faint: #444; --line: #ccc; --panel: #f6f6f6;
  --link: #0057ae; --shade: rgb(0 0 0 / 25%); }
@media (prefers-color-scheme: dark) {
  :root { --page: #16181c; --ink: #e8e8e8; --faint: #b4b4b4; --line: #444; --panel: #22252b; --link: #8ab8ff;
    --shade: rgb(255 255 255 / 25%); }
}
body { margin: 0 auto; padding: 1rem; max-width: 62rem; background: var(--page); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; }
h1, h2, h3 { line-height: 1.2; }
h2 { margin-top: 3rem; border-top: 1px solid var(--line); padding-top: 1rem; }
nav a { display: inline-block; margin-right: 1rem; }
a { color: var(--link); }
pre { --under: var(--panel); padding: .6rem; font: .8rem/1.35 ui-monospace, monospace; }
/* What goes on beyond an edge has a shade there, which the cover that scrolls along hides at the end. */
pre, figure > div { overflow-x: auto; background:
  linear-gradient(90deg, var(--under) 40%, transparent) left / 3rem 100% no-repeat local,
  linear-gradient(270deg, var(--under) 40%, transparent) right / 3rem 100% no-repeat local,
  linear-gradient(90deg, var(--shade), transparent) left / 1.2rem 100% no-repeat,
  linear-gradient(270deg, var(--shade), transparent) right / 1.2rem 100% no-repeat, var(--under); }
table { border-collapse: collapse; }
th, td { padding: .15rem 1rem .15rem 0; text-align: left; vertical-align: top; }
td { overflow-wrap: anywhere; }
td.number { text-align: right; }
figure { margin: 1.5rem 0; }
figure > div { --under: #fff; --shade: rgb(0 0 0 / 25%); isolation: isolate; max-width: calc(1.1 * var(--width)); }
figure svg { display: block; mix-blend-mode: multiply; width: 100%; min-width: calc(.85 * var(--width)); height: auto; }
figcaption, .note { color: var(--faint); font-size: .9rem; }
.note { border-left: .25rem solid #d55e00; padding-left: .6rem; }
@media print { pre { white-space: pre-wrap; } figure, table { break-inside: avoid; } figure svg { min-width: 0; } }
</style>
</head>
<body>
)";

// gnuplot, or why there are no figures; and what became of them.
struct Drawing {
  std::optional<Gnuplot> gnuplot;
  std::string missing;
  std::map<std::string, std::string> files = {};  // name and content of those that were drawn
  int failed = 0;
};

Drawing find_gnuplot() {
  try {
    Gnuplot gnuplot;
    if (gnuplot.is_there()) return {gnuplot, {}};
    return {std::nullopt, kNoGnuplot};
  } catch (const Interrupted&) {
    throw;
  } catch (const std::exception& error) {
    return {std::nullopt, "There are no figures: " + std::string(error.what())};
  }
}

std::string note(const std::string& text) { return "<p class=\"note\">" + escaped(text) + "</p>\n"; }

std::string figure_html(const Figure& figure, const std::string& name, Drawing& drawing) {
  try {
    const std::string svg = drawing.gnuplot->draw(figure, name + "_");
    drawing.files[name + ".svg"] = svg + "\n";
    return "<figure style=\"--width: " + std::to_string(figure.width) + "px\"><div>\n" + svg + "\n</div><figcaption>" +
           escaped(figure.caption) + "</figcaption></figure>\n";
  } catch (const Interrupted&) {
    throw;
  } catch (const std::exception& error) {
    ++drawing.failed;
    say("report: a figure is left out: " + std::string(error.what()));
    return note("A figure is missing here. " + std::string(error.what()));
  }
}

// In place of those that an earlier run left, which may have had other experiments or pairs of tasks.
void write_figures(const std::filesystem::path& folder, const std::map<std::string, std::string>& files) {
  const RunFolder figures(folder);
  std::vector<std::filesystem::path> others;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".svg" && !files.contains(entry.path().filename().string()))
      others.push_back(entry.path());
  }
  for (const std::filesystem::path& file : others) std::filesystem::remove(file);
  for (const auto& [name, content] : files) engine::write_text_file(figures / name, content);
}

std::string section(const Experiment& experiment, const Json& results, Drawing& drawing) {
  std::string html = "<section id=\"" + escaped(experiment.name) + "\">\n<h2>" + escaped(experiment.title) +
                     "</h2>\n<p>" + escaped(experiment.question) + "</p>\n<pre>" + escaped(experiment.table(results)) +
                     "</pre>\n";
  if (experiment.figures && drawing.gnuplot.has_value()) {
    int count = 0;
    for (const Figure& figure : experiment.figures(results))
      html += figure_html(figure, experiment.name + "_" + std::to_string(++count), drawing);
  }
  return html + "</section>\n";
}

std::string row(const std::string& name, const std::string& kind, const std::string& value) {
  return "<tr><th scope=\"row\">" + escaped(name) + "</th><td" + kind + ">" + escaped(value) + "</td></tr>\n";
}

// "width 64, depth 2"
std::string text_of(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_structured()) return value.dump();
  std::string text;
  for (const auto& [key, part] : value.items())
    text += (text.empty() ? "" : ", ") + (value.is_object() ? key + " " : "") + text_of(part);
  return text;
}

std::string run_table(const Json& manifest) {
  Json values = manifest;
  values.erase("command");
  values.erase("fingerprint");
  values.update(manifest.at("fingerprint"));
  std::string rows;
  for (const auto& [key, value] : values.items()) rows += row(key, "", text_of(value));
  return "<table>\n" + rows + "</table>\n";
}

std::string time_table(const Json& seconds) {
  if (seconds.empty()) return "";
  std::string rows;
  double total = 0.0;
  for (const auto& [stage, time] : seconds.items()) {
    rows += row(stage, " class=\"number\"", duration(time.get<double>()));
    total += time.get<double>();
  }
  return "<h3>Time</h3>\n<table>\n" + rows + row("together", " class=\"number\"", duration(total)) + "</table>\n";
}

// A command of `reproduce` without those that were asked for.
std::string without_experiments(const std::string& command) {
  static const std::regex option(" --experiments(=[^ ]*|( [^- ][^ ]*)*)");
  return std::regex_replace(command, option, "");
}

// What to type for this page, and for parts of it.
std::string commands(const Json& manifest, const std::filesystem::path& folder) {
  const auto line = [](const std::string& command, const std::string& does) {
    return "<p>" + escaped(does) + "</p>\n<pre>" + escaped(command) + "</pre>\n";
  };
  const std::string command = manifest.value("command", "");
  const std::string program = command.substr(0, command.find(' '));
  const std::string bin = program.starts_with('\'') ? "" : program.substr(0, program.rfind('/') + 1);
  std::string html;
  if (!command.empty()) {
    html += line(command, "The results were made by");
    if (manifest.at("program") == "reproduce" && command.find("--experiments") == std::string::npos)
      html +=
          line(command + " --experiments task_addition", "One experiment and what it needs; what is done is skipped:");
    if (const Json kept = manifest.value("kept", Json::array()); !kept.empty()) {
      std::string names;
      for (const Json& name : kept) names += (names.empty() ? "" : ",") + name.get<std::string>();
      html += line(without_experiments(command) + " --experiments " + names,
                   "What was there of an earlier run, by itself:");
    }
  }
  return html +
         line(bin + "figures " + quoted_for_shell(folder.string()),
              "The figures, as files in " + (folder / "figures").string() + ", and this page, from the results:");
}

// The results of `reproduce`; of an experiment's own program, in the form that they would have in those.
Json gathered(const Json& manifest, Json results) {
  if (results.contains("seconds") && results.at("seconds").is_object()) return results;
  const auto program = manifest.at("program").get<std::string>();
  if (program == "finetune" || std::ranges::find(catalogue(), program, &Experiment::name) == catalogue().end())
    throw std::invalid_argument("they are of `" + program + "`, which has no figures");
  Json whole{{"seconds", Json::object()}};
  if (results.contains("seconds"))
    whole["seconds"][program] = results.at("seconds");  // a sweep of earlier days tells none
  results.erase("seconds");
  whole[program] = std::move(results);
  return whole;
}

std::string page(const Json& results, const Json& manifest, const std::filesystem::path& folder, Drawing& drawing) {
  std::string html(kHead);
  html += "<h1>Task arithmetic in the tangent space</h1>\n<p>What <code>" +
          escaped(manifest.at("program").get<std::string>()) +
          "</code> measured of the experiments of Ortiz-Jimenez, Favero and Frossard, NeurIPS 2023 (arXiv 2305.12827), "
          "at a "
          "small scale. The page <code>docs/NAME.md</code> of each experiment says how to read its numbers.</p>\n";
  if (!drawing.missing.empty()) {
    say("report: " + drawing.missing);
    html += note(drawing.missing);
  }
  std::string names;
  std::string sections;
  for (const Experiment& experiment : catalogue()) {
    if (!results.contains(experiment.name)) continue;
    names += "<a href=\"#" + escaped(experiment.name) + "\">" + escaped(experiment.title) + "</a>\n";
    sections += section(experiment, results.at(experiment.name), drawing);
  }
  return html + "<nav>\n" + names + "<a href=\"#run\">This run</a>\n</nav>\n" + sections +
         "<section id=\"run\">\n<h2>This run</h2>\n" + commands(manifest, folder) + "<h3>Manifest</h3>\n" +
         run_table(manifest) + time_table(results.at("seconds")) + "</section>\n</body>\n</html>\n";
}

}  // namespace

Drawn write_report(const std::filesystem::path& folder) {
  const Json results = read_json(folder / "results.json");
  const Json manifest = read_json(folder / "manifest.json");
  Drawing drawing = find_gnuplot();
  std::string html;
  const auto refuse = [&](const std::exception& error) {
    throw std::runtime_error(
        "[report] " + (folder / "results.json").string() +
        " and manifest.json beside it are not what `reproduce`, one of its experiments or `sweep` leaves: " +
        error.what() + ".");
  };
  try {
    html = page(gathered(manifest, results), manifest, folder, drawing);
  } catch (const Json::exception& error) {
    refuse(error);
  } catch (const std::logic_error& error) {
    refuse(error);
  }
  if (drawing.gnuplot.has_value()) write_figures(folder / "figures", drawing.files);
  engine::write_text_file(folder / "report.html", html);
  return {static_cast<int>(drawing.files.size()), drawing.failed};
}

}  // namespace experiments
