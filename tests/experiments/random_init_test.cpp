// Task arithmetic from random weights, and after pre-trainings of several lengths.
#include "experiments/arithmetic/random_init.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <nlohmann/json.hpp>

#include "experiments/arithmetic/pretraining_length.hpp"
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

BOOST_AUTO_TEST_CASE(the_full_length_is_the_pre_training_of_reproduce) {
  const TemporaryDirectory folder;
  const std::string out = folder.path().string();
  const std::string run =
      "{bin}/pretraining_length --preset smoke --tasks digits,signs --control objects --lengths 12,0,4 "
      "--grid-images 12 --out " +
      out;
  const tests::ProcessResult result = tests::run_process(run);
  BOOST_REQUIRE_MESSAGE(result.status == 0, result.output);
  check_says(result, "Gap closed");
  const Json results = read_json(out + "/results.json");
  BOOST_CHECK_EQUAL(results.at("tasks").dump(), "[\"digits\",\"signs\"]");
  BOOST_REQUIRE_EQUAL(results.at("lengths").size(), 3u);
  const std::vector<std::int64_t> lengths{0, 4, 12};
  for (std::size_t i = 0; i < 3; ++i) {
    const Json& row = results.at("lengths")[i];
    BOOST_CHECK_EQUAL(row.at("steps").get<std::int64_t>(), lengths[i]);
    BOOST_CHECK_EQUAL(row.at("final_loss").is_null(), i == 0);
    check_summary(row, out + "/steps_" + std::to_string(lengths[i]));
  }
  const auto weights = [](const std::string& run_folder) {
    return nn::checksum(load_pretrained(run_folder + "/pretrain/pretrained.safetensors").theta0);
  };
  BOOST_CHECK_EQUAL(weights(out + "/steps_12"), weights(tests::finished_run()));
  BOOST_CHECK_NE(weights(out + "/steps_4"), weights(out + "/steps_12"));
  const Pretrained begin = load_pretrained(out + "/steps_0/pretrain/pretrained.safetensors");
  BOOST_CHECK_EQUAL(nn::checksum(begin.theta0), nn::checksum(nn::initial_params(begin.vit.layout(), 0)));
  BOOST_CHECK_CLOSE_FRACTION(results.at("lengths")[0].at("logit_scale").get<double>(), 1 / 0.07, 1e-6);

  check_says(tests::run_process(run), "pretrain: already done");
  BOOST_CHECK_EQUAL(read_json(out + "/results.json").dump(), results.dump());
}

BOOST_AUTO_TEST_CASE(lengths_grow_by_four_and_short_ones_warm_up_quickly) {
  BOOST_CHECK(default_lengths(3200) == (std::vector<std::int64_t>{0, 50, 200, 800, 3200}));
  BOOST_CHECK(default_lengths(12) == (std::vector<std::int64_t>{0, 3, 12}));
  const Recipe recipe = preset("quick");
  BOOST_CHECK_EQUAL(to_json(with_pretrain_steps(recipe, recipe.pretrain.steps).pretrain).dump(),
                    to_json(recipe.pretrain).dump());
  BOOST_CHECK_EQUAL(with_pretrain_steps(recipe, 200).pretrain.warmup, 50);
  const tests::ProcessResult refused =
      tests::run_process("{bin}/pretraining_length --preset smoke --lengths=-3 --out /tmp/never");
  BOOST_CHECK_EQUAL(refused.status, 2);
  check_says(refused, "--lengths");
}

BOOST_AUTO_TEST_SUITE_END()
