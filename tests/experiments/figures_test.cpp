// figures: what a run found drawn again, and what it says of folders and results that are not as they should be.
#include "experiments/report/figures.hpp"

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/tensor/random.hpp"
#include "experiments/arithmetic/sweep.hpp"
#include "experiments/common/run_folder.hpp"
#include "experiments/report/catalogue.hpp"
#include "tests/experiments/finished_run.hpp"
#include "tests/experiments/process.hpp"
#include "tests/support/temporary_directory.hpp"

using experiments::Json;
using experiments::read_json;
using experiments::write_json;
using tests::check_says;
using tests::finished_run;
using tests::ProcessResult;
using tests::run_process;
using tests::TemporaryDirectory;
namespace fs = std::filesystem;

BOOST_AUTO_TEST_SUITE(figures)

namespace {

std::string text_of(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

// What `figures` needs of the finished run, and the page that `reproduce` wrote.
void copy_results(const fs::path& folder) {
  fs::create_directories(folder);
  for (const std::string file : {"results.json", "manifest.json", "report.html"})
    fs::copy_file(fs::path(finished_run()) / file, folder / file);
}

ProcessResult figures_of(const fs::path& folder, const std::string& environment = {}) {
  return run_process(environment + " {bin}/figures " + folder.string());
}

// Results of a sweep over two values; of those in `missing` no run has a number.
Json swept(const std::vector<std::string>& missing = {}) {
  Json results{{"vary", "width"},     {"values", {8, 16}},    {"seeds", {0, 1}},
               {"tasks", {"a", "b"}}, {"control", "objects"}, {"summary", Json::array()}};
  const auto number = [&](const std::string& name, double mean) {
    const bool is_missing = std::ranges::find(missing, name) != missing.end();
    return is_missing ? Json(nullptr) : Json{{"mean", mean}, {"deviation", 0.01}, {"seeds", 2}};
  };
  for (const double value : {8.0, 16.0}) {
    Json row{{"value", value}};
    for (const char* key : {"final_loss", "logit_scale", "head_overlap", "chance", "zero_shot"})
      row[key] = number(key, 0.1);
    for (const char* quantity : {"single_task", "absolute", "normalised", "gap_closed", "alpha", "xi_at_one",
                                 "xi_zero_to_one", "xi_search_box", "negation_target", "negation_control"}) {
      for (const char* mode : {"standard", "posthoc", "linear"}) row["modes"][mode][quantity] = number(quantity, 0.5);
      row["linear_minus_standard"][quantity] = number(quantity, 0.02);
    }
    results["summary"].push_back(row);
  }
  return results;
}

// Every value below `json`, itself included; of an array only the first and the last.
void collect(Json& json, std::vector<Json*>& all) {
  all.push_back(&json);
  if (json.is_array() && !json.empty()) {
    collect(json.front(), all);
    if (json.size() > 1) collect(json.back(), all);
  }
  if (!json.is_object()) return;
  for (auto& [key, value] : json.items()) collect(value, all);
}

}  // namespace

BOOST_AUTO_TEST_CASE(results_alone_are_drawn_as_reproduce_drew_them) {
  const TemporaryDirectory temporary;
  const fs::path folder = temporary.path() / "a run";
  copy_results(folder);
  fs::remove(folder / "report.html");
  fs::create_directories(folder / "figures");
  std::ofstream(folder / "figures/alchemy_1.svg") << "of an experiment that this run did not have";
  const ProcessResult drawn = run_process("{bin}/figures '" + folder.string() + "'");
  BOOST_REQUIRE_MESSAGE(drawn.status == 0, drawn.output);
  check_says(drawn, "figures: 13 in " + folder.string() + "/figures\n");
  std::string page = text_of(folder / "report.html");
  for (std::size_t at; (at = page.find(folder.string())) != std::string::npos;)
    page.replace(at, folder.string().size(), finished_run());
  BOOST_CHECK(page.find("figures &#39;" + finished_run() + "&#39;") != std::string::npos);
  page.erase(page.find("<section id=\"run\">"));  // which names the folder
  BOOST_CHECK(text_of(fs::path(finished_run()) / "report.html").starts_with(page));
  std::size_t files = 0;
  for (const auto& entry : fs::directory_iterator(folder / "figures")) {
    const std::string svg = text_of(entry.path());
    BOOST_CHECK(svg == text_of(fs::path(finished_run()) / "figures" / entry.path().filename()));
    BOOST_CHECK(svg.starts_with("<svg") && page.find(svg) != std::string::npos);
    ++files;
  }
  BOOST_CHECK_EQUAL(files, 13u);
}

BOOST_AUTO_TEST_CASE(the_results_of_one_program_are_drawn_too) {
  const TemporaryDirectory temporary;
  const fs::path folder = temporary.path() / "negation";
  fs::copy(fs::path(finished_run()) / "task_negation", folder, fs::copy_options::recursive);
  const ProcessResult drawn = figures_of(folder);
  BOOST_CHECK_MESSAGE(drawn.status == 0, drawn.output);
  BOOST_CHECK(text_of(folder / "report.html").find(text_of(folder / "figures/task_negation_1.svg")) !=
              std::string::npos);
  fs::remove_all(folder);
  fs::copy(fs::path(finished_run()) / "finetune/linear/digits", folder, fs::copy_options::recursive);
  const ProcessResult refused = figures_of(folder);
  BOOST_CHECK_EQUAL(refused.status, 1);
  check_says(refused, "they are of `finetune`, which has no figures");
  Json results = read_json(folder / "results.json");
  results.erase("seconds");  // as those of a program of several stages
  write_json(folder / "results.json", results);
  check_says(figures_of(folder), "they are of `finetune`, which has no figures");
}

BOOST_AUTO_TEST_CASE(an_interruption_is_no_failure_of_gnuplot_and_leaves_the_page_as_it_was) {
  const TemporaryDirectory temporary;
  const fs::path folder = temporary.path() / "run";
  copy_results(folder);
  const std::string page = text_of(folder / "report.html");
  const fs::path gnuplot = temporary.path() / "gnuplot";
  for (const std::string when : {"[ \"$1\" = --version ]", "false"}) {  // when it draws; when it is looked for
    std::ofstream(gnuplot) << "#!/bin/sh\n" << when << " && exit 0\nkill -INT $PPID\nsleep 1\nexit 1\n";
    fs::permissions(gnuplot, fs::perms::owner_all);
    const ProcessResult stopped = figures_of(folder, "PATH=" + temporary.path().string() + ":$PATH");
    BOOST_CHECK_EQUAL(stopped.status, 130);
    check_says(stopped, "stopped while drawing figures");
    BOOST_CHECK(text_of(folder / "report.html") == page);
    BOOST_CHECK(!fs::exists(folder / "figures"));
  }
}

BOOST_AUTO_TEST_CASE(what_cannot_be_drawn_is_said_in_one_line_and_leaves_the_page_as_it_was) {
  const TemporaryDirectory temporary;
  const fs::path folder = temporary.path() / "run";
  const auto refused = [&](const std::string& environment, const std::vector<std::string>& parts) {
    const ProcessResult result = figures_of(folder, environment);
    BOOST_CHECK_EQUAL(result.status, 1);
    BOOST_CHECK_MESSAGE(result.output.find('\n') + 1 == result.output.size(), result.output);
    for (const std::string& part : parts) check_says(result, part);
  };
  refused("", {folder.string() + ": no such folder"});
  fs::create_directories(folder);
  refused("", {folder.string() + ": no results.json in this folder", "`reproduce`"});
  copy_results(folder);
  const std::string page = text_of(folder / "report.html");
  refused("PATH=/nonexistent", {"gnuplot-nox"});
  fs::resize_file(folder / "results.json", 1000);
  refused("", {(folder / "results.json").string(), "parse error"});
  write_json(folder / "results.json", Json::array());
  refused("", {(folder / "results.json").string(), "not what `reproduce`, one of its experiments or `sweep` leaves"});
  Json results = read_json(finished_run() + "/results.json");
  results.at("disentanglement").at("pairs").front().erase("modes");
  write_json(folder / "results.json", results);
  refused("", {(folder / "results.json").string(), "not what `reproduce`", "key 'modes' not found"});
  fs::remove(folder / "manifest.json");
  refused("", {(folder / "manifest.json").string(), "cannot be read"});
  BOOST_CHECK(text_of(folder / "report.html") == page);
  BOOST_CHECK(!fs::exists(folder / "figures"));
}

// Where the script puts the names: "set label 'task_1' at 9.375,9.375 right font ',11'".
BOOST_AUTO_TEST_CASE(names_of_points_do_not_hide_each_other) {
  constexpr double kSide = 330.0, kCharacter = 6.6, kLine = 12.0;  // pixels
  for (const double spread : {0.0, 0.02, 0.5}) {
    Json results{{"single_task", {{"standard", {}}, {"posthoc", {}}, {"linear", {}}}}, {"points", Json::array()}};
    for (int i = 0; i < 8; ++i) {
      const double accuracy = 0.1 + spread * i / 8.0;
      results["points"].push_back(
          {{"task", "task_" + std::to_string(i)}, {"standard", accuracy}, {"posthoc", accuracy}, {"linear", accuracy}});
    }
    const std::string script = experiments::single_task_figures(results).at(0).script;
    const double span = spread == 0.5 ? 50.0 : 10.0;  // percent in a panel, from 10 on
    std::vector<std::array<double, 2>> places;        // of the left end of a name, in the middle of its height
    std::istringstream lines(script);
    for (std::string line; std::getline(lines, line);) {
      double x = 0.0, y = 0.0;
      char name[16], side[16];
      if (std::sscanf(line.c_str(), "set label '%15[^']' at %lf,%lf %15s", name, &x, &y, side) != 4) continue;
      const double end = (x - 10.0) / span * kSide;
      const double width = kCharacter * static_cast<double>(std::string_view(name).size());
      places.push_back({std::string_view(side) == "right" ? end - width : end, (y - 10.0) / span * kSide});
    }
    BOOST_REQUIRE_EQUAL(places.size(), 16u);  // two panels
    for (std::size_t i = 0; i < places.size(); ++i) {
      BOOST_CHECK(places[i][0] >= 0.0 && places[i][0] <= kSide);
      for (std::size_t j = i / 8 * 8; j < i; ++j) {
        const bool apart =
            std::abs(places[i][1] - places[j][1]) >= kLine || std::abs(places[i][0] - places[j][0]) >= 6.0 * kCharacter;
        BOOST_CHECK_MESSAGE(apart, "names " << i << " and " << j << " meet, spread " << spread);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(a_sweep_has_its_figures_and_leaves_out_what_no_run_has) {
  const TemporaryDirectory folder;
  const auto drawn = [&](const Json& results) {
    write_json(folder.path() / "results.json", results);
    write_json(folder.path() / "manifest.json",
               {{"program", "sweep"}, {"command", "sweep --vary width"}, {"fingerprint", {{"vary", "width"}}}});
    const ProcessResult result = figures_of(folder.path());
    BOOST_CHECK_MESSAGE(result.status == 0, result.output);
    check_says(result, "figures: 2");
    return text_of(folder.path() / "figures/sweep_1.svg");
  };
  const std::string whole = drawn(swept());
  for (const char* text : {"width", "16", "zero-shot", "all tasks added", "gap closed", "linear"})
    BOOST_CHECK_MESSAGE(whole.find(text) != std::string::npos, text);
  const std::string without = drawn(swept({"gap_closed"}));
  BOOST_CHECK(without.find("all tasks added") != std::string::npos);
  BOOST_CHECK(without.find("gap closed") == std::string::npos);
  BOOST_CHECK(text_of(folder.path() / "report.html").find("Linear minus standard") != std::string::npos);
  // A sum may fall below zero-shot, and a mode lack what others have, a seed what others have.
  Json below = swept();
  for (Json& row : below["summary"]) {
    for (const char* mode : {"posthoc", "linear"}) row["modes"][mode]["gap_closed"]["mean"] = -0.5;
    row["modes"]["standard"]["gap_closed"] = nullptr;
    row["modes"]["linear"]["gap_closed"]["deviation"] = nullptr;
    row["modes"]["linear"]["gap_closed"]["seeds"] = 1;
  }
  BOOST_CHECK(drawn(below).find("gap closed") != std::string::npos);
  check_says({0, experiments::sweep_table(below)}, "-50.0*");
  check_says({0, experiments::sweep_table(below)}, "not of all seeds");
}

BOOST_AUTO_TEST_CASE(damaged_results_are_an_exception_and_nothing_worse) {
  constexpr int kOfEach = 60;
  Json results = read_json(finished_run() + "/results.json");
  results["sweep"] = swept();
  const std::vector<Json> instead{nullptr, "text", Json::array(), Json::object(), -1e300};
  engine::Random random({7});
  int refused = 0;
  for (const experiments::Experiment& experiment : experiments::catalogue()) {
    Json damaged = results.at(experiment.name);
    std::vector<Json*> values;
    collect(damaged, values);
    for (int i = 0; i < kOfEach; ++i) {
      Json& value = *values[static_cast<std::size_t>(random.uniform(0.0, static_cast<double>(values.size())))];
      Json kept = instead[static_cast<std::size_t>(i) % instead.size()];
      std::swap(value, kept);
      try {
        experiment.table(damaged);
        if (experiment.figures) experiment.figures(damaged);
      } catch (const std::exception&) {
        ++refused;
      }
      std::swap(value, kept);
    }
  }
  BOOST_CHECK_GT(refused, kOfEach);
}

BOOST_AUTO_TEST_SUITE_END()
