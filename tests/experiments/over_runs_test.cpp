// Means over runs of the numbers in their results, against means written out by hand.
#include "experiments/report/over_runs.hpp"

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "experiments/common/run_folder.hpp"
#include "tests/experiments/finished_run.hpp"

using experiments::Json;
using experiments::read_json;
using experiments::write_json;
using tests::check_says;
using tests::run_process;

BOOST_AUTO_TEST_SUITE(over_runs)

namespace {

Json run(double a, double b, double linear) {
  return {{"tasks", {"a", "b"}},
          {"single", {{"standard", {{"a", a}, {"b", b}}}, {"linear", {{"a", linear}, {"b", linear}}}}},
          {"alpha", {{"standard", 0.25}, {"linear", 0.5}}},
          {"curve", {1.0, 2.0}},
          {"maps", {{"standard", {{a, 1.0}}}, {"linear", {{1.0, 32000.0}}}}},
          {"pairs", {{{"xi", a}, {"tasks", {"b", "c"}}}, {{"xi", b}}}}};
}

// The row with this path, its blanks one each.
std::string row(const std::string& table, const std::string& path) {
  const std::size_t begin = table.find("\n" + path + " ");
  BOOST_REQUIRE_MESSAGE(begin != std::string::npos, path << " is not in:\n" << table);
  std::string words;
  for (const char c : table.substr(begin + 1, table.find('\n', begin + 1) - begin - 1)) {
    if (c != ' ' || (!words.empty() && words.back() != ' ')) words += c;
  }
  return words;
}

// Of all rows, in their order.
std::vector<std::string> paths(const std::string& table) {
  std::vector<std::string> found;
  std::istringstream lines(table);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("/")) found.push_back(line.substr(0, line.find_last_not_of(' ', line.find('|') - 1) + 1));
  }
  return found;
}

}  // namespace

BOOST_AUTO_TEST_CASE(each_number_its_average_over_tasks_and_the_difference_of_the_modes) {
  const std::vector<Json> runs{run(0.25, 0.75, 1.0), run(0.5, 1.0, 1.0)};
  const std::string table = experiments::over_runs_table(runs, "");
  BOOST_CHECK_EQUAL(row(table, "/single/standard/a"), "/single/standard/a | 0.375 0.1768 | 0.25 0.5");
  BOOST_CHECK_EQUAL(row(table, "/single/standard average"), "/single/standard average | 0.625 0.1768 | 0.5 0.75");
  BOOST_CHECK_EQUAL(row(table, "/single average linear - standard"),
                    "/single average linear - standard | 0.375 0.1768 | 0.5 0.25");
  BOOST_CHECK_EQUAL(row(table, "/single/b linear - standard"), "/single/b linear - standard | 0.125 0.1768 | 0.25 0");
  BOOST_CHECK_EQUAL(row(table, "/alpha linear - standard"), "/alpha linear - standard | 0.25 0 | 0.25 0.25");
  BOOST_CHECK_EQUAL(row(table, "/pairs average/xi"), "/pairs average/xi | 0.625 0.1768 | 0.5 0.75");
  const std::string pairs = experiments::over_runs_table(runs, "/pairs");
  BOOST_CHECK_EQUAL(row(pairs, "/pairs/0/xi"), "/pairs/0/xi | 0.375 0.1768 | 0.25 0.5");
  BOOST_CHECK_EQUAL(row(pairs, "/pairs average/xi"), "/pairs average/xi | 0.625 0.1768 | 0.5 0.75");
  BOOST_CHECK_EQUAL(row(experiments::over_runs_table(runs, "/curve"), "/curve/1"), "/curve/1 | 2 0 | 2 2");
  const std::string maps = experiments::over_runs_table(runs, "/maps");
  BOOST_CHECK_EQUAL(row(maps, "/maps/linear/0/1"), "/maps/linear/0/1 | 32000 0 | 32000 32000");
  BOOST_CHECK_EQUAL(row(maps, "/maps/0/0 linear - standard"), "/maps/0/0 linear - standard | 0.625 0.1768 | 0.75 0.5");
  BOOST_CHECK_THROW(experiments::over_runs_table(runs, "/nothing"), std::invalid_argument);
  BOOST_CHECK_EQUAL(
      row(experiments::over_runs_table({Json{{"tasks", {1, 2}}, {"a", 1.0}}, Json{{"a", 3.0}}}, ""), "/a"),
      "/a | 2 1.414 | 1 3");
}

BOOST_AUTO_TEST_CASE(what_is_no_result_has_a_row_only_if_asked_for) {
  const std::vector<Json> runs{{{"sweep", {{{"value", 0.5}, {"seconds", 2.0}}, {{"value", 1.5}}}},
                                {"sums", {{{"size", 2}, {"steps", 1}, {"alpha", 1.0}}, {{"size", 4}}}},
                                {"solver", {{"curve", {{{"iteration", 0}, {"loss", 1.0}}, {{"iteration", 1}}}}}},
                                {"gap",
                                 {{"standard", {{"mean", 0.5}, {"deviation", 0.1}, {"seeds", 3}}},
                                  {"linear", {{"mean", 1.0}, {"deviation", 0.1}, {"seeds", 3}}}}},
                                {"pairs", {{{"xi", 1.0}}, {{"xi", 2.0}}}}}};
  const std::vector<std::string> results{
      "/sweep/0/value",   "/sweep/1/value",     "/sums/0/size",     "/sums/0/alpha",
      "/sums/1/size",     "/gap/standard/mean", "/gap/linear/mean", "/gap/mean linear - standard",
      "/pairs average/xi"};
  BOOST_TEST(paths(experiments::over_runs_table(runs, "")) == results, boost::test_tools::per_element());
  const std::vector<std::string> more{"/sums/0/size", "/sums/0/steps", "/sums/0/alpha", "/sums/1/size"};
  BOOST_TEST(paths(experiments::over_runs_table(runs, "sums")) == more, boost::test_tools::per_element());
  BOOST_CHECK_EQUAL(paths(experiments::over_runs_table(runs, "sweep")).at(1), "/sweep/0/seconds");
  BOOST_CHECK_EQUAL(paths(experiments::over_runs_table(runs, "solver")).at(1), "/solver/curve/0/loss");
  BOOST_CHECK_EQUAL(paths(experiments::over_runs_table(runs, "gap")).at(1), "/gap/standard/deviation");
  BOOST_CHECK_EQUAL(paths(experiments::over_runs_table(runs, "pairs")).front(), "/pairs/0/xi");
}

BOOST_AUTO_TEST_CASE(what_a_run_lacks_is_left_out_of_its_mean) {
  const std::string table =
      experiments::over_runs_table({Json{{"a", 2.0}}, Json{{"a", nullptr}}, Json{{"a", 4.0}}}, "");
  BOOST_CHECK_EQUAL(row(table, "/a"), "/a | 3 1.414 | 2 - 4");
}

BOOST_AUTO_TEST_CASE(the_program_reads_runs_and_refuses_what_is_none) {
  const std::string stage = tests::finished_run() + "/task_addition";
  const tests::TemporaryDirectory folder;
  const std::string copy = (folder.path() / "copy").string();
  std::filesystem::copy(stage, copy);
  Json manifest = read_json(copy + "/manifest.json");
  manifest["seed"] = 1;
  for (const char* const of_seed : {"seed", "pretrained", "task_vectors"}) manifest["fingerprint"][of_seed] = 1;
  write_json(copy + "/manifest.json", manifest);
  Json whole = read_json(tests::finished_run() + "/manifest.json");
  write_json(folder.path() / "manifest.json", whole);
  const std::string spread = "{bin}/spread " + stage + " " + copy + " --only addition";
  const tests::ProcessResult twice = run_process(spread);
  BOOST_CHECK_EQUAL(twice.status, 0);
  BOOST_CHECK_EQUAL(twice.output.find("differ"), std::string::npos);
  check_says(twice, "run 1  " + stage + "  seed 0\nrun 2  " + copy + "  seed 1\n");
  check_says(twice, "/addition/linear/absolute");
  check_says(twice, "/addition/absolute linear - standard");
  BOOST_CHECK_EQUAL(twice.output.find("same seed"), std::string::npos);
  std::filesystem::copy(copy, folder.path() / "third");
  check_says(run_process(spread.substr(0, spread.find(" --only")) + " " + (folder.path() / "third").string()),
             "runs 2 and 3 have the same seed\n");
  whole["fingerprint"]["vit"]["embedding"] = 16;
  write_json(folder.path() / "manifest.json", whole);
  check_says(run_process(spread), "runs 1 and 2 differ in more than the seed: vit.embedding: 32, now 16\n");
  manifest["fingerprint"]["tasks"] = {"digits"};
  write_json(copy + "/manifest.json", manifest);
  check_says(run_process(spread), "in more than the seed: tasks: [\"digits\",\"signs\"], now [\"digits\"]\n");
  for (const auto& [arguments, message] :
       {std::pair(stage, "needs two runs at least"),
        std::pair(stage + " /nowhere", "/nowhere/results.json: no such file"),
        std::pair(stage + " " + copy + "/../copy/ " + copy, "is given twice"),
        std::pair(stage + " " + tests::finished_run() + "/single_task", "is of \"single_task\", the first of"),
        std::pair(stage + " " + copy + " --only addtion", "begins with 'addtion'; they begin with: zero_shot, zero")}) {
    const tests::ProcessResult refused = run_process("{bin}/spread " + arguments);
    BOOST_CHECK_EQUAL(refused.status, 1);
    check_says(refused, message);
  }
}

BOOST_AUTO_TEST_SUITE_END()
