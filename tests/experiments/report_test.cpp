// reproduce from the outside: its experiments, its report, one run at a time in a folder. And what the report is made of.
#include "experiments/report/report.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "experiments/arithmetic/addition.hpp"
#include "experiments/arithmetic/scores.hpp"
#include "experiments/arithmetic/subsets.hpp"
#include "experiments/common/run_folder.hpp"
#include "experiments/common/text_table.hpp"
#include "experiments/report/catalogue.hpp"
#include "experiments/report/gnuplot.hpp"
#include "experiments/report/html.hpp"
#include "tests/experiments/process.hpp"
#include "tests/support/temporary_directory.hpp"

using experiments::Json;
using experiments::read_json;
using experiments::Subset;
using experiments::write_json;
using tests::ProcessResult;
using tests::run_process;
using tests::TemporaryDirectory;

BOOST_AUTO_TEST_SUITE(report)

namespace {

const std::array<const char*, 3> kModes{"standard", "posthoc", "linear"};

std::string text_of(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

int count(const std::string& text, const std::string& part) {
  int found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++found;
  return found;
}

void check_says(const std::string& text, const std::string& part) {
  BOOST_CHECK_MESSAGE(text.find(part) != std::string::npos, "'" << part << "' missing in:\n" << text.substr(0, 4000));
}

void check_silent(const std::string& text, const std::string& part) {
  BOOST_CHECK_MESSAGE(text.find(part) == std::string::npos, "'" << part << "' found in:\n" << text.substr(0, 4000));
}

const std::string kTasks = " --preset smoke --tasks digits,signs,textures ";

// A run of everything, made once.
const std::string& finished_run() {
  static const TemporaryDirectory folder;
  static const std::string path = [] {
    const std::string out = (folder.path() / "run").string();
    const ProcessResult run = run_process("{bin}/reproduce" + kTasks + "--experiments all --out " + out);
    BOOST_REQUIRE_MESSAGE(run.status == 0, run.output);
    check_says(run.output, "report:  " + out + "/report.html");
    return out;
  }();
  return path;
}

ProcessResult addition_of(const std::string& tasks, const std::string& more, const std::string& out) {
  const std::string& run = finished_run();
  return run_process("{bin}/task_addition --preset smoke --control none --tasks " + tasks + " --pretrained " + run +
                     "/pretrain/pretrained.safetensors --finetuned " + run + "/finetune --out " + out + " " + more);
}

}  // namespace

BOOST_AUTO_TEST_CASE(reproduce_runs_every_experiment_and_writes_a_report) {
  const Json results = read_json(finished_run() + "/results.json");
  const std::string page = text_of(finished_run() + "/report.html");
  for (const std::string& name : experiments::experiment_names()) {
    BOOST_CHECK_MESSAGE(results.contains(name), name << " is not in results.json");
    check_says(page, "<section id=\"" + name + "\">");
  }
  const std::string full = "/pretraining_length/pretrain-steps_12/seed_0";
  for (const std::string file : {"/pretrain/manifest.json", "/finetune/linear/signs/manifest.json"})  // taken over
    BOOST_CHECK_EQUAL(text_of(finished_run() + full + file), text_of(finished_run() + file));
  BOOST_CHECK(
      results.at("pretraining_length").at("summary").back().at("modes").at("linear").at("absolute").at("mean") ==
      results.at("task_addition").at("addition").at("linear").at("absolute"));
  for (const std::string stage : {"pretrain", "finetune_standard", "finetune_linear", "single_task", "task_negation"})
    BOOST_CHECK_GT(results.at("seconds").at(stage).get<double>(), 0.0);
  // Loss, scatter, two of addition, bars, one pair of three tasks, error, three of the kernel, from random weights, solved, two against length.
  BOOST_CHECK_EQUAL(count(page, "<svg"), 14);
  BOOST_CHECK_EQUAL(count(page, "<svg"), count(page, "</svg>"));
  check_says(page, "reproduce" + kTasks + "--experiments all --out ");
  // Nothing outside the page is needed: no address but the names of SVG's own vocabulary, no script.
  BOOST_CHECK_EQUAL(count(page, "http"), count(page, "\"http://www.w3.org/"));
  for (const std::string part : {"<script", "<link", "src=", "@import", "<image"}) check_silent(page, part);

  const ProcessResult again = run_process("{bin}/reproduce" + kTasks + "--out " + finished_run());
  for (const std::string stage : {"pretrain", "single task", "task addition", "task negation", "disentanglement"})
    check_says(again.output, stage + ": already done");
  for (const std::string line :
       {"In short, means over tasks", "negated: the task", "light share of the map", "kernel cosine"})
    check_says(again.output, line);
  check_silent(again.output, "kernel regression");  // what takes long is not asked for, but its results are kept
  BOOST_CHECK_EQUAL(read_json(finished_run() + "/results.json").dump(), results.dump());
}

BOOST_AUTO_TEST_CASE(each_name_in_a_page_of_figures_is_defined_once) {
  const std::string page = text_of(finished_run() + "/report.html");
  std::set<std::string> names;
  for (std::size_t at = page.find(" id="); at != std::string::npos; at = page.find(" id=", at + 1)) {
    const std::size_t begin = at + 5;
    const std::string name = page.substr(begin, page.find(page[begin - 1], begin) - begin);
    BOOST_CHECK_MESSAGE(names.insert(name).second, name << " twice");
  }
  BOOST_CHECK(names.contains("single_task") && names.contains("single_task_1_gpDot"));
  for (std::size_t at = page.find("href='#"); at != std::string::npos; at = page.find("href='#", at + 1)) {
    const std::string name = page.substr(at + 7, page.find('\'', at + 7) - at - 7);
    BOOST_CHECK_MESSAGE(names.contains(name), name << " is not defined");
  }
}

BOOST_AUTO_TEST_CASE(experiments_can_be_chosen) {
  const TemporaryDirectory folder;
  const std::string command = "{bin}/reproduce --preset smoke --tasks digits --control none --out " +
                              folder.path().string() + " --experiments ";
  const ProcessResult first = run_process(command + "pretrain");
  BOOST_REQUIRE_MESSAGE(first.status == 0, first.output);
  BOOST_CHECK(!std::filesystem::exists(folder.path() / "finetune"));
  const ProcessResult second = run_process(command + "single_task,linearization_error");
  BOOST_REQUIRE_MESSAGE(second.status == 0, second.output);
  check_says(second.output, "pretrain: already done");
  check_says(second.output, "Single-task test accuracy");
  const Json results = read_json(folder.path() / "results.json");
  BOOST_CHECK(results.contains("single_task") && results.contains("linearization_error"));
  BOOST_CHECK(!results.contains("task_addition") && !std::filesystem::exists(folder.path() / "task_addition"));
  check_silent(text_of(folder.path() / "report.html"), "Task addition");
  BOOST_CHECK(!read_json(folder.path() / "manifest.json").contains("kept"));

  // What the next one is not asked for stays, and where nothing is computed the manifest tells of the run that did.
  const std::string manifest = read_json(folder.path() / "manifest.json").dump();
  const ProcessResult third = run_process(command + "pretrain");
  BOOST_REQUIRE_MESSAGE(third.status == 0, third.output);
  BOOST_CHECK_EQUAL(read_json(folder.path() / "results.json").dump(), results.dump());
  BOOST_CHECK_EQUAL(read_json(folder.path() / "manifest.json").dump(), manifest);
  const ProcessResult last = run_process(command + "linearization_error");
  BOOST_CHECK_EQUAL(last.status, 0);
  BOOST_CHECK_EQUAL(read_json(folder.path() / "manifest.json").dump(), manifest);
  BOOST_CHECK_EQUAL(read_json(folder.path() / "results.json").dump(), results.dump());
  const ProcessResult fourth = run_process(command + "task_addition");
  BOOST_REQUIRE_MESSAGE(fourth.status == 0, fourth.output);
  BOOST_CHECK(read_json(folder.path() / "manifest.json").at("kept") == Json({"single_task", "linearization_error"}));
  const std::string page = text_of(folder.path() / "report.html");
  check_says(page, "Single-task test accuracy");
  check_says(page, folder.path().string() + " --experiments single_task,linearization_error");
  check_silent(page, "task_addition --experiments");

  const std::string nowhere = (folder.path() / "refused").string();
  const ProcessResult negation = run_process(
      "{bin}/reproduce --preset smoke --tasks digits --control none --experiments task_negation --out " + nowhere);
  BOOST_CHECK_EQUAL(negation.status, 1);
  check_says(negation.output, "task_negation cannot be run: it needs a control task");
  BOOST_CHECK(!std::filesystem::exists(nowhere));
  const ProcessResult pairs = run_process(command + "disentanglement");
  BOOST_CHECK_EQUAL(pairs.status, 1);
  check_says(pairs.output, "disentanglement cannot be run: it needs two tasks");
  const ProcessResult unknown = run_process(command + "single_task,alchemy");
  BOOST_CHECK_EQUAL(unknown.status, 2);
  check_says(unknown.output, "alchemy");
}

BOOST_AUTO_TEST_CASE(without_gnuplot_the_report_has_its_tables_and_says_so) {
  const TemporaryDirectory folder;
  std::filesystem::copy(finished_run(), folder.path() / "run", std::filesystem::copy_options::recursive);
  const ProcessResult run =
      run_process("PATH=/nonexistent {bin}/reproduce" + kTasks + "--out " + (folder.path() / "run").string());
  BOOST_REQUIRE_MESSAGE(run.status == 0, run.output);
  check_says(run.output, "gnuplot-nox");
  const std::string page = text_of(folder.path() / "run/report.html");
  check_says(page, "gnuplot-nox");
  check_says(page, "gap closed");
  check_silent(page, "<svg");
}

BOOST_AUTO_TEST_CASE(a_gnuplot_that_fails_costs_only_the_figures) {
  const TemporaryDirectory folder;
  std::ofstream(folder.path() / "gnuplot")
      << "#!/bin/sh\n[ \"$1\" = --version ] || { echo 'no <ink> left'; exit 3; }\n";
  std::filesystem::permissions(folder.path() / "gnuplot", std::filesystem::perms::owner_all);
  std::filesystem::copy(finished_run(), folder.path() / "run", std::filesystem::copy_options::recursive);
  const ProcessResult run = run_process("PATH=" + folder.path().string() + " {bin}/reproduce" + kTasks + "--out " +
                                        (folder.path() / "run").string() + " --experiments single_task");
  BOOST_REQUIRE_MESSAGE(run.status == 0, run.output);
  check_says(run.output, "report: a figure is left out: [gnuplot] failed: no <ink> left");
  check_says(text_of(folder.path() / "run/report.html"), "[gnuplot] failed: no &lt;ink&gt; left");
}

BOOST_AUTO_TEST_CASE(names_are_shown_as_they_are) {
  const TemporaryDirectory folder;
  const std::string name = "<script>alert('`touch x`\"&')</script>\n\\";
  Json accuracies{{"zero_shot", 0.1}, {"standard", 0.9}, {"posthoc", 0.5}, {"linear", 0.8}};
  Json single{{"tasks", {name}}, {"zero_shot", {{name, 0.1}}}};
  for (const char* mode : kModes) single["single_task"][mode][name] = accuracies.at(mode);
  for (const char* mode : {"posthoc", "linear"}) single["nonlinear_advantage"][mode][name] = 0.1;
  accuracies["task"] = name;
  single["points"].push_back(accuracies);
  write_json(folder.path() / "results.json", {{"seconds", {{"single_task", 1.0}}}, {"single_task", single}});
  write_json(folder.path() / "manifest.json",
             {{"program", name}, {"fingerprint", {{"command", name}, {"tasks", {name}}}}});
  experiments::write_report(folder.path());
  const std::string page = text_of(folder.path() / "report.html");
  BOOST_CHECK_EQUAL(count(page, "<svg"), 1);
  check_silent(page, "<script");
  check_says(page, "&lt;script&gt;alert(&#39;`touch x`&quot;&amp;&#39;)&lt;/script&gt;");
  // In the figure gnuplot escapes it; a name in its script holds neither a single quote nor an end of line.
  const std::string figure = page.substr(page.find("<svg"));
  check_says(figure, "&lt;script>alert(\u2019`touch x`\"&amp;\u2019)&lt;/script>?\\");
}

BOOST_AUTO_TEST_CASE(a_quoted_name_is_no_command_of_gnuplot) {
  BOOST_CHECK_EQUAL(experiments::quoted("it's\n\\"), "'it\u2019s?\\'");
  const TemporaryDirectory folder;
  const std::string file = (folder.path() / "made").string();
  const experiments::Gnuplot gnuplot;
  BOOST_REQUIRE(gnuplot.is_there());
  for (const std::string& name :
       {"`touch " + file + "`", "' ; system 'touch " + file, "a\n!touch " + file, std::string("@x %s {/:Bold y}_z")}) {
    const std::string svg = gnuplot.draw(
        {.caption = "",
         .script = "set title " + experiments::quoted(name) + "\nplot x title " + experiments::quoted(name) + "\n",
         .files = {}},
        "p_");
    BOOST_CHECK(!std::filesystem::exists(file));
    std::string shown = experiments::escaped(name);
    for (const auto& [from, to] : std::map<std::string, std::string>{{"&#39;", "\u2019"}, {"&gt;", ">"}, {"\n", "?"}}) {
      for (std::size_t at = shown.find(from); at != std::string::npos; at = shown.find(from))
        shown.replace(at, from.size(), to);
    }
    BOOST_CHECK_MESSAGE(count(svg, shown) >= 2, shown << " missing in\n" << svg);
  }
  BOOST_CHECK_EXCEPTION(gnuplot.draw({.caption = "", .script = "plot nothing_of_the_kind(x)\n", .files = {}}, ""),
                        std::runtime_error, [](const std::exception& error) {
                          return std::string(error.what()).find("undefined function") != std::string::npos;
                        });
}

BOOST_AUTO_TEST_CASE(text_is_escaped) {
  BOOST_CHECK_EQUAL(experiments::escaped("a<b> & \"c\" 'd'"), "a&lt;b&gt; &amp; &quot;c&quot; &#39;d&#39;");
}

BOOST_AUTO_TEST_CASE(a_folder_is_for_one_run_at_a_time) {
  const TemporaryDirectory folder;
  const std::string out = (folder.path() / "out").string();
  const auto refuses = [&](const std::string& what) {
    return [what](const std::exception& error) { return std::string(error.what()).find(what) != std::string::npos; };
  };
  {
    const experiments::RunFolder held(out);
    const experiments::RunFolder copy = held;  // the same hold
    BOOST_CHECK_EXCEPTION(experiments::RunFolder{out}, std::runtime_error,
                          refuses(out + ": another run is writing into this folder"));
    const std::string weights = " --pretrained x --finetuned x";
    for (const std::string program :
         {"reproduce --preset smoke", "pretrain --preset smoke",
          "finetune --preset smoke --task digits --mode linear --pretrained x", "contact_sheet", "datasets show"}) {
      const ProcessResult run = run_process("{bin}/" + program + " --out " + out);
      BOOST_CHECK_EQUAL(run.status, 1);
      check_says(run.output, "another run is writing into this folder");
    }
    for (const std::string program : {"single_task", "task_addition", "task_negation", "disentanglement",
                                      "linearization_error", "ntk_localization"}) {
      const ProcessResult run = run_process("{bin}/" + program + " --preset smoke" + weights + " --out " + out);
      BOOST_CHECK_EQUAL(run.status, 1);
      check_says(run.output, "another run is writing into this folder");
    }
    BOOST_CHECK(std::filesystem::is_empty(out));
  }
  BOOST_CHECK_NO_THROW(experiments::RunFolder{out});
  // A killed run holds nothing: the lock went with the process.
  BOOST_CHECK_EQUAL(run_process("bash -c 'exec 9<" + out + "; flock -n 9; kill -9 $$'").status, 137);
  BOOST_CHECK_NO_THROW(experiments::RunFolder{out});
}

BOOST_AUTO_TEST_CASE(two_runs_of_reproduce_do_not_share_a_folder) {
  const TemporaryDirectory folder;
  const std::string out = folder.path().string();
  // The first is caught in the middle: a long pre-training, stopped when the second has been refused.
  const ProcessResult run = run_process(
      "bash -c '{bin}/reproduce --preset smoke --tasks digits --control none --pretrain-steps 10000000 --out " + out +
      " & first=$!; until [ -s " + out +
      "/pretrain/manifest.json ] || ! kill -0 $first; do sleep 0.05; done; "
      "{bin}/reproduce --preset smoke --tasks digits --control none --out " +
      out + "; echo status $?; {bin}/pretrain --preset smoke --out " + out +
      "/pretrain; echo status $?; kill -9 $first; wait $first'");
  BOOST_CHECK_EQUAL(count(run.output, "is writing into this folder; wait for its end, or give another --out."), 2);
  BOOST_CHECK_EQUAL(count(run.output, "status 1\n"), 2);
}

BOOST_AUTO_TEST_CASE(a_sum_of_two_tasks_is_the_addition_of_just_these) {
  const TemporaryDirectory folder;
  const std::string whole = (folder.path() / "whole").string();
  const ProcessResult run = addition_of("digits,signs,textures", "--subsets 1", whole);
  BOOST_REQUIRE_MESSAGE(run.status == 0, run.output);
  check_says(run.output, "Sums of K task vectors");
  const Json results = read_json(whole + "/results.json");
  const Json& subsets = results.at("subsets");
  BOOST_REQUIRE_EQUAL(subsets.size(), 2u);
  BOOST_CHECK_EQUAL(subsets[0].at("size").get<int>(), 2);
  BOOST_CHECK_EQUAL(subsets[0].at("possible").get<int>(), 3);
  BOOST_REQUIRE_EQUAL(subsets[0].at("sums").size(), 1u);
  const Json& sum = subsets[0].at("sums")[0];
  const std::string first = sum.at("tasks")[0].get<std::string>();
  const std::string second = sum.at("tasks")[1].get<std::string>();
  const std::string pair = (folder.path() / "pair").string();
  BOOST_REQUIRE_EQUAL(addition_of(first + "," + second, "", pair).status, 0);
  const Json alone = read_json(pair + "/results.json");
  for (const char* mode : kModes) {
    for (const char* key : {"alpha", "absolute", "normalised", "gap_closed"}) {
      BOOST_CHECK_EQUAL(sum.at(mode).at(key).dump(), alone.at("addition").at(mode).at(key).dump());
      BOOST_CHECK_EQUAL(subsets[1].at("sums")[0].at(mode).at(key).dump(),
                        results.at("addition").at(mode).at(key).dump());
    }
    BOOST_CHECK_EQUAL(sum.at(mode).at("single_task").get<double>(),
                      (alone.at("single_task").at(mode).at(first).get<double>() +
                       alone.at("single_task").at(mode).at(second).get<double>()) /
                          2);
    BOOST_CHECK_EQUAL(subsets[0].at("summary").at(mode).at("absolute").at("deviation").get<double>(), 0.0);
  }

  // All pairs, from the tangents of single vectors: the network's passes are the same.
  const std::string pairs = (folder.path() / "pairs").string();
  BOOST_REQUIRE_EQUAL(addition_of("digits,signs,textures", "--subsets 3", pairs).status, 0);
  const Json all = read_json(pairs + "/results.json").at("subsets")[0];
  BOOST_REQUIRE_EQUAL(all.at("sums").size(), 3u);
  const auto same =
      std::ranges::find_if(all.at("sums"), [&](const Json& of) { return of.at("tasks") == sum.at("tasks"); });
  BOOST_REQUIRE(same != all.at("sums").end());
  BOOST_CHECK_EQUAL(same->at("standard").dump(), sum.at("standard").dump());
  double mean = 0.0;
  for (const Json& of : all.at("sums")) mean += of.at("linear").at("absolute").get<double>() / 3.0;
  BOOST_CHECK_CLOSE_FRACTION(all.at("summary").at("linear").at("absolute").at("mean").get<double>(), mean, 1e-12);
}

BOOST_AUTO_TEST_CASE(the_curve_goes_over_the_chosen_grid) {
  const TemporaryDirectory folder;
  const std::string out = folder.path().string();
  BOOST_REQUIRE_EQUAL(addition_of("digits,signs", "--alpha-step 0.25 --subsets 0", out).status, 0);
  const Json results = read_json(out + "/results.json");
  BOOST_CHECK(results.at("alpha_grid") == Json({0.0, 0.25, 0.5, 0.75, 1.0}));
  for (const char* mode : kModes) {
    const Json& addition = results.at("addition").at(mode);
    BOOST_CHECK(addition.at("curve").at("normalised") == addition.at("validation_curve"));
    const Json& single = results.at("single_task_validation").at(mode);
    const double zero = experiments::average(results.at("zero_shot_validation"));
    for (std::size_t i = 0; i < 5; ++i) {
      const double digits = addition.at("validation_per_task").at("digits")[i].get<double>();
      const double signs = addition.at("validation_per_task").at("signs")[i].get<double>();
      BOOST_CHECK_CLOSE_FRACTION(addition.at("curve").at("absolute")[i].get<double>(), (digits + signs) / 2, 1e-12);
      const Json& gap = addition.at("curve").at("gap_closed")[i];
      const double gain = experiments::average(single) - zero;
      BOOST_CHECK_EQUAL(gap.is_null(), gain <= 1e-9);
      if (!gap.is_null())
        BOOST_CHECK_CLOSE_FRACTION(1.0 + gap.get<double>() * gain, 1.0 + (digits + signs) / 2 - zero, 1e-12);
    }
  }
  const ProcessResult refused = addition_of("digits,signs", "--alpha-step 0.3", out);
  BOOST_CHECK_EQUAL(refused.status, 1);
  check_says(refused.output, "1 must be a multiple of the step between two alphas; got 0.3");
}

BOOST_AUTO_TEST_CASE(the_grid_ends_at_one) {
  BOOST_CHECK_EQUAL(experiments::alpha_grid().size(), 21u);
  BOOST_CHECK_EQUAL(experiments::alpha_grid()[3], 0.15);
  BOOST_CHECK_EQUAL(experiments::alpha_grid(0.01).back(), 1.0);
  BOOST_CHECK_EQUAL(experiments::alpha_grid(1.0).size(), 2u);
  BOOST_CHECK_THROW(experiments::alpha_grid(0.3), std::invalid_argument);
  BOOST_CHECK_THROW(experiments::alpha_grid(2.0), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(spread_is_mean_and_sample_deviation) {
  const std::vector<double> values{1.0, 2.0, 3.0, 6.0};
  BOOST_CHECK_CLOSE_FRACTION(experiments::spread(values).mean, 3.0, 1e-12);
  BOOST_CHECK_CLOSE_FRACTION(experiments::spread(values).deviation, std::sqrt(14.0 / 3.0), 1e-12);
  BOOST_CHECK_EQUAL(experiments::spread(std::vector<double>{5.0}).deviation, 0.0);
}

BOOST_AUTO_TEST_CASE(a_gap_that_is_only_rounding_is_none) {
  const std::vector<double> zero_shot{0.1, 0.2, 0.3};
  const std::vector<double> added{0.2, 0.3, 0.4};
  const std::vector<double> reordered{0.3, 0.2, 0.1};
  BOOST_REQUIRE_GT(experiments::mean(zero_shot), experiments::mean(reordered));
  BOOST_CHECK(!experiments::gap_closed(added, zero_shot, reordered).has_value());
  BOOST_CHECK(!experiments::gap_closed(added, reordered, zero_shot).has_value());
  BOOST_CHECK_CLOSE_FRACTION(*experiments::gap_closed(added, std::vector{0.3, 0.4, 0.5}, zero_shot), 0.5, 1e-12);
}

BOOST_AUTO_TEST_CASE(alpha_of_addition_is_the_first_of_the_greatest_normalised_accuracy) {
  const std::vector<double> alphas{0.0, 0.25, 0.5, 0.75, 1.0};
  const std::vector<std::vector<double>> added{{0.5, 0.1}, {0.7, 0.1}, {0.5, 0.2}, {0.3, 0.3}, {0.5, 0.2}};
  // The greatest mean is at 0.25. Of the ratios to 1.0 and 0.4 it is .475, to the others .6, .75, .875, .75 / 2.
  BOOST_CHECK_EQUAL(experiments::choose_addition_alpha(alphas, added, std::vector{1.0, 0.4}), 0.75);
  BOOST_CHECK_EQUAL(experiments::choose_addition_alpha(alphas, added, std::vector{1.0, 0.0}), 0.25);
  BOOST_CHECK_EQUAL(experiments::choose_addition_alpha(alphas, added, std::vector{0.0, 1.0}), 0.75);
  BOOST_CHECK_EQUAL(experiments::choose_addition_alpha(alphas, added, std::vector{0.0, 0.0}), 0.25);
  const std::vector<std::vector<double>> equal(5, {0.5, 0.2});
  BOOST_CHECK_EQUAL(experiments::choose_addition_alpha(alphas, equal, std::vector{1.0, 0.4}), 0.0);
}

BOOST_AUTO_TEST_CASE(a_task_that_its_own_model_gets_wrong_is_left_out_of_normalised) {
  const std::vector<double> added{0.3, 0.1, 0.2};
  BOOST_CHECK_CLOSE_FRACTION(*experiments::normalised(added, std::vector{0.6, 0.0, 0.8}), (0.5 + 0.25) / 2, 1e-12);
  BOOST_CHECK(!experiments::normalised(added, std::vector{0.0, 0.0, 0.0}).has_value());
  Json results = read_json(finished_run() + "/results.json").at("task_addition");
  Json& posthoc = results.at("addition").at("posthoc");
  posthoc["left_out"] = {"digits", "signs"};
  posthoc["normalised"] = nullptr;
  const std::string table = experiments::addition_table(results);
  BOOST_CHECK_MESSAGE(table.find("gets no test image right: digits (posthoc), signs (posthoc)\n") != std::string::npos,
                      table);
}

BOOST_AUTO_TEST_CASE(of_a_coarse_grid_each_alpha_is_told_once) {
  Json results = read_json(finished_run() + "/results.json").at("task_addition");
  results["alpha_grid"] = {0.0, 0.5, 1.0};
  const std::string details = experiments::addition_details(results);
  for (const std::string alpha : {"\n0.00 ", "\n0.50 ", "\n1.00 "})
    BOOST_CHECK_MESSAGE(details.find(alpha) != std::string::npos && details.find(alpha) == details.rfind(alpha),
                        details);
}

BOOST_AUTO_TEST_CASE(long_cells_widen_their_column) {
  experiments::TextTable table;
  table.row("class", {"taken for", "images"});
  table.row("oak tree", {"a maple tree", "7"});
  BOOST_CHECK_EQUAL(table.text(),
                    "class             taken for   images\n"
                    "oak tree       a maple tree        7\n");
}

BOOST_AUTO_TEST_CASE(cells_never_touch) {
  experiments::TextTable table;
  table.row("loss", {"zero-shot", "0.0028420", "0.0003991"});
  BOOST_CHECK_EQUAL(table.text(), "loss          zero-shot 0.0028420 0.0003991\n");
}

BOOST_AUTO_TEST_CASE(subsets_are_different_and_balanced) {
  BOOST_CHECK(experiments::subset_sizes(8) == std::vector<std::int64_t>({2, 4, 8}));
  BOOST_CHECK(experiments::subset_sizes(2) == std::vector<std::int64_t>({2}));
  BOOST_CHECK(experiments::subset_sizes(1) == std::vector<std::int64_t>({1}));
  BOOST_CHECK_EQUAL(experiments::subset_count(8, 4), 70);
  BOOST_CHECK_EQUAL(experiments::subset_count(8, 8), 1);
  BOOST_CHECK_EQUAL(experiments::subset_count(200, 64), std::numeric_limits<std::int64_t>::max());

  BOOST_CHECK(experiments::task_subsets(4, 2, 6, 0) ==
              std::vector<Subset>({{0, 1}, {0, 2}, {0, 3}, {1, 2}, {1, 3}, {2, 3}}));
  const std::vector<Subset> drawn = experiments::task_subsets(8, 2, 8, 3);
  BOOST_CHECK_EQUAL(drawn.size(), 8u);
  BOOST_CHECK_EQUAL(std::set<Subset>(drawn.begin(), drawn.end()).size(), 8u);
  std::array<int, 8> times{};
  for (const Subset& subset : drawn) {
    BOOST_CHECK(subset.size() == 2 && subset[0] < subset[1]);
    for (const std::size_t task : subset) ++times.at(task);
  }
  BOOST_CHECK(*std::ranges::min_element(times) >= 1);
  BOOST_CHECK(experiments::task_subsets(8, 2, 8, 3) == drawn);
  BOOST_CHECK(experiments::task_subsets(8, 2, 8, 4) != drawn);
  BOOST_CHECK_EQUAL(experiments::task_subsets(200, 64, 5, 0).size(), 5u);
}

BOOST_AUTO_TEST_SUITE_END()
