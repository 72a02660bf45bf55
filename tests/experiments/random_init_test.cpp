// Task arithmetic from random weights.
#include "experiments/arithmetic/random_init.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <nlohmann/json.hpp>

#include "experiments/arithmetic/scores.hpp"
#include "nn/checkpoint.hpp"
#include "tests/experiments/finished_run.hpp"

using namespace experiments;
using tests::check_says;
using tests::TemporaryDirectory;

namespace {

// What task_arithmetic() returns, against the stage's own results in `folder`.
void check_summary(const Json& summary, const std::string& folder) {
  const Json addition = read_json(folder + "/task_addition/results.json");
  const Json map = read_json(folder + "/disentanglement/results.json");
  BOOST_CHECK_EQUAL(map.at("alphas").dump(), "[-1.0,-0.5,0.0,0.5,1.0]");
  BOOST_CHECK_EQUAL(summary.at("zero_shot").get<double>(), average(addition.at("zero_shot")));
  for (const char* mode : kModes) {
    const Json& of = summary.at("modes").at(mode);
    BOOST_CHECK_EQUAL(of.at("single_task").get<double>(), average(addition.at("single_task").at(mode)));
    BOOST_CHECK_EQUAL(of.at("absolute"), addition.at("addition").at(mode).at("absolute"));
    BOOST_CHECK_EQUAL(of.at("gap_closed"), addition.at("addition").at(mode).at("gap_closed"));
    BOOST_REQUIRE_EQUAL(map.at("pairs").size(), 1u);
    BOOST_CHECK_EQUAL(of.at("xi").at("at_one"), map.at("pairs")[0].at("modes").at(mode).at("xi_sum")[4][4]);
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(starts)

BOOST_AUTO_TEST_CASE(random_init_begins_where_pre_training_began) {
  const TemporaryDirectory folder;
  const std::string out = folder.path().string();
  const std::string run = tests::on_finished_run("random_init", out) + "--grid-images 12";
  const tests::ProcessResult result = tests::run_process(run);
  BOOST_REQUIRE_MESSAGE(result.status == 0, result.output);
  check_says(result, "all added");

  const Pretrained pretrained = load_pretrained(tests::finished_run() + "/pretrain/pretrained.safetensors");
  const Pretrained random = load_pretrained(out + "/random.safetensors");
  BOOST_CHECK_EQUAL(nn::checksum(random.theta0), nn::checksum(nn::initial_params(pretrained.vit.layout(), 0)));
  BOOST_CHECK_EQUAL(random.logit_scale, pretrained.logit_scale);

  const Json results = read_json(out + "/results.json");
  check_summary(results.at("random"), out + "/random");
  check_summary(results.at("pretrained"), out + "/pretrained");
  const Json addition = read_json(tests::finished_run() + "/task_addition/results.json");
  for (const char* mode : kModes) {
    BOOST_CHECK_EQUAL(results.at("pretrained").at("modes").at(mode).at("absolute"),
                      addition.at("addition").at(mode).at("absolute"));
  }
  BOOST_CHECK_CLOSE_FRACTION(results.at("random").at("chance").get<double>(), (1.0 / 10 + 1.0 / 12) / 2, 1e-12);

  const tests::ProcessResult again = tests::run_process(run);
  check_says(again, "finetune signs (linear): already done");
  check_says(again, "disentanglement: already done");
  BOOST_CHECK_EQUAL(read_json(out + "/results.json").dump(), results.dump());
}

BOOST_AUTO_TEST_SUITE_END()
