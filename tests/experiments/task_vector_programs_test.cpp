// The programs on task vectors, from the outside: one small run of `reproduce` gives the weights, each program's results
// are checked against what must hold whatever the weights are.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "experiments/arithmetic/single_task.hpp"
#include "experiments/common/run_folder.hpp"
#include "tests/experiments/process.hpp"
#include "tests/support/temporary_directory.hpp"

using experiments::Json;
using experiments::read_json;
using tests::ProcessResult;
using tests::run_process;
using tests::TemporaryDirectory;

namespace {

const std::array<const char*, 3> kModes{"standard", "posthoc", "linear"};

// Weights of two tasks and of a control, made once.
const std::string& finished_run() {
  static const TemporaryDirectory folder;
  static const std::string path = [] {
    const std::string out = folder.path().string();
    const ProcessResult run =
        run_process("{bin}/reproduce --preset smoke --tasks digits,signs --control objects --out " + out);
    BOOST_REQUIRE_MESSAGE(run.status == 0, run.output);
    return out;
  }();
  return path;
}

std::string command(const std::string& program, const std::string& out) {
  const std::string& run = finished_run();
  return "{bin}/" + program + " --preset smoke --pretrained " + run + "/pretrain/pretrained.safetensors --finetuned " +
         run + "/finetune --out " + out + " ";
}

void require_success(const ProcessResult& result) { BOOST_REQUIRE_MESSAGE(result.status == 0, result.output); }

void check_says(const ProcessResult& result, const std::string& part) {
  BOOST_CHECK_MESSAGE(result.output.find(part) != std::string::npos, "'" << part << "' missing in:\n" << result.output);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(task_vector_programs)

BOOST_AUTO_TEST_CASE(single_task_agrees_with_task_addition) {
  const TemporaryDirectory folder;
  const std::string out = folder.path().string();
  const std::string run = command("single_task", out) + "--tasks digits,signs";
  const ProcessResult result = run_process(run);
  require_success(result);
  check_says(result, "average");
  const Json single = read_json(out + "/results.json");
  const Json addition = read_json(finished_run() + "/task_addition/results.json");
  BOOST_CHECK_EQUAL(single.at("zero_shot").dump(), addition.at("zero_shot").dump());
  BOOST_CHECK_EQUAL(single.at("single_task").dump(), addition.at("single_task").dump());

  // Digits has 10 classes.
  const double standard = single.at("single_task").at("standard").at("digits").get<double>();
  const double posthoc = single.at("single_task").at("posthoc").at("digits").get<double>();
  BOOST_CHECK_CLOSE_FRACTION(1.0 + single.at("nonlinear_advantage").at("posthoc").at("digits").get<double>(),
                             1.0 + (standard - posthoc) / 0.9, 1e-12);
  BOOST_REQUIRE_EQUAL(single.at("points").size(), 2u);
  BOOST_CHECK_EQUAL(single.at("points")[0].at("posthoc").get<double>(), posthoc);

  const Json reference = read_json(out + "/reference/posthoc_ft_accuracies.json");
  BOOST_CHECK_EQUAL(reference.size(), 4u);
  BOOST_CHECK_EQUAL(reference.at("digits").get<double>(), posthoc);
  BOOST_CHECK_EQUAL(reference.at("signsVal"), single.at("single_task_validation").at("posthoc").at("signs"));
  check_says(run_process(run), "single task: already done");
}

BOOST_AUTO_TEST_CASE(nonlinear_advantage_is_relative_to_chance) {
  BOOST_CHECK_CLOSE_FRACTION(experiments::nonlinear_advantage(0.9, 0.5, 5), 0.5, 1e-12);
  BOOST_CHECK_CLOSE_FRACTION(experiments::nonlinear_advantage(0.25, 1.0, 4), -1.0, 1e-12);
}

BOOST_AUTO_TEST_SUITE_END()
