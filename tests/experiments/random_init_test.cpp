// Task arithmetic from random weights, and against numbers of the recipe.
#include "experiments/arithmetic/random_init.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "experiments/arithmetic/head_overlap.hpp"
#include "experiments/arithmetic/scores.hpp"
#include "experiments/arithmetic/sweep.hpp"
#include "experiments/common/recipe_numbers.hpp"
#include "nn/checkpoint.hpp"
#include "tests/experiments/finished_run.hpp"

using namespace experiments;
using tests::check_says;
using tests::TemporaryDirectory;

BOOST_AUTO_TEST_SUITE(starts)

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
    BOOST_REQUIRE_EQUAL(addition.at("alpha_grid").back(), 1.0);
    BOOST_CHECK_EQUAL(of.at("validation_at_one"), addition.at("addition").at(mode).at("curve").at("absolute").back());
    BOOST_CHECK_EQUAL(of.contains("control"), addition.contains("control"));
    if (addition.contains("control")) BOOST_CHECK_EQUAL(of.at("control"), addition.at("control").at(mode));
    BOOST_REQUIRE_EQUAL(map.at("pairs").size(), 1u);
    BOOST_CHECK_EQUAL(of.at("xi").at("at_one"), map.at("pairs")[0].at("modes").at(mode).at("xi_sum")[4][4]);
  }
}

}  // namespace

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
  check_says(again, "random init: already done");
  std::filesystem::remove(out + "/results.json");
  const tests::ProcessResult rest = tests::run_process(run);  // as if it had been stopped at its end
  check_says(rest, "finetune signs (linear): already done");
  check_says(rest, "disentanglement: already done");
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
  check_says(result, "Linear minus standard");
  const Json results = read_json(out + "/results.json");
  BOOST_CHECK_EQUAL(results.at("vary"), "pretrain-steps");
  BOOST_CHECK_EQUAL(results.at("tasks").dump(), "[\"digits\",\"signs\"]");
  BOOST_CHECK_EQUAL(results.at("values").dump(), "[0.0,4.0,12.0]");
  BOOST_REQUIRE_EQUAL(results.at("runs").size(), 3u);
  const auto steps = [&](const std::string& n) { return out + "/pretrain-steps_" + n + "/seed_0"; };
  for (const Json& of : results.at("runs")) {
    const auto value = of.at("value").get<std::int64_t>();
    BOOST_CHECK_EQUAL(of.at("final_loss").is_null(), value == 0);
    check_summary(of, steps(std::to_string(value)));
    const Json negation = read_json(steps(std::to_string(value)) + "/task_negation/results.json").at("negation");
    for (const char* mode : kModes) {
      BOOST_CHECK_EQUAL(of.at("modes").at(mode).at("negation").at("target").get<double>(),
                        average(negation.at(mode).at("target")));
    }
  }
  const auto weights = [](const std::string& run_folder) {
    return nn::checksum(load_pretrained(run_folder + "/pretrain/pretrained.safetensors").theta0);
  };
  BOOST_CHECK_EQUAL(weights(steps("12")), weights(tests::finished_run()));
  BOOST_CHECK_NE(weights(steps("4")), weights(steps("12")));
  const Pretrained begin = load_pretrained(steps("0") + "/pretrain/pretrained.safetensors");
  BOOST_CHECK_EQUAL(nn::checksum(begin.theta0), nn::checksum(nn::initial_params(begin.vit.layout(), 0)));
  BOOST_CHECK_CLOSE_FRACTION(results.at("runs")[0].at("logit_scale").get<double>(), 1 / 0.07, 1e-6);
  BOOST_CHECK(results.at("summary")[0].at("zero_shot").at("deviation").is_null());  // of one seed

  check_says(tests::run_process(run), "pretrain: already done");
  BOOST_CHECK_EQUAL(read_json(out + "/results.json").dump(), results.dump());
}

BOOST_AUTO_TEST_CASE(a_sweep_of_fine_tuning_pre_trains_once_for_each_seed) {
  const TemporaryDirectory folder;
  const std::string out = folder.path().string();
  const std::string run =
      "{bin}/sweep --preset smoke --tasks digits,signs --control none --vary finetune-steps --grid-images 12 --out " +
      out + " --values 6,2 --seeds 0,1";
  const tests::ProcessResult result = tests::run_process(run);
  BOOST_REQUIRE_MESSAGE(result.status == 0, result.output);
  check_says(result, "mean and deviation over 2 seeds");
  check_says(result, "results: " + out + "/results.json\nfigures: `figures " + out + "` draws them\n");
  check_says(tests::run_process(run + ",2"),
             "--overwrite to replace that; finished runs below it stay if nothing of theirs differs.\n");
  const Json results = read_json(out + "/results.json");
  BOOST_REQUIRE_EQUAL(results.at("runs").size(), 4u);
  BOOST_CHECK(!std::filesystem::exists(out + "/finetune-steps_2/seed_0/pretrain"));
  BOOST_CHECK_NE(nn::checksum(load_pretrained(out + "/seed_0/pretrained.safetensors").theta0),
                 nn::checksum(load_pretrained(out + "/seed_1/pretrained.safetensors").theta0));
  for (const Json& of : results.at("runs")) {
    check_summary(of, out + "/finetune-steps_" + of.at("value").dump().substr(0, 1) + "/seed_" + of.at("seed").dump());
    BOOST_CHECK(!of.at("modes").at("linear").contains("negation"));
  }
  // Two values: the mean, and half of their distance times √2. Differences are within a seed.
  const Json& summary = results.at("summary")[1];
  BOOST_CHECK_EQUAL(summary.at("value"), 6.0);
  const auto of_seed = [&](std::size_t seed, const char* mode, const char* key) {
    return results.at("runs")[2 + seed].at("modes").at(mode).at(key).get<double>();  // those of the value 2 come first
  };
  for (const char* mode : kModes) {
    const double a = of_seed(0, mode, "single_task");
    const double b = of_seed(1, mode, "single_task");
    const Json& spread = summary.at("modes").at(mode).at("single_task");
    BOOST_CHECK_CLOSE_FRACTION(spread.at("mean").get<double>(), (a + b) / 2, 1e-12);
    BOOST_CHECK_CLOSE_FRACTION(spread.at("deviation").get<double>() + 1.0, std::abs(a - b) / std::sqrt(2.0) + 1.0,
                               1e-12);
  }
  const double first = of_seed(0, "linear", "absolute") - of_seed(0, "standard", "absolute");
  const double second = of_seed(1, "linear", "absolute") - of_seed(1, "standard", "absolute");
  BOOST_CHECK_NE(first, second);
  const Json& ahead = summary.at("linear_minus_standard").at("absolute");
  BOOST_CHECK_CLOSE_FRACTION(ahead.at("mean").get<double>() + 1.0, (first + second) / 2 + 1.0, 1e-12);
  BOOST_CHECK_CLOSE_FRACTION(ahead.at("deviation").get<double>() + 1.0, std::abs(first - second) / std::sqrt(2.0) + 1.0,
                             1e-12);
  BOOST_CHECK(summary.at("linear_minus_standard").at("negation_target").is_null());
}

BOOST_AUTO_TEST_CASE(default_lengths_grow_by_four) {
  BOOST_CHECK(default_lengths(3200) == (std::vector<double>{0, 50, 200, 800, 3200}));
  BOOST_CHECK(default_lengths(12) == (std::vector<double>{0, 3, 12}));
}

BOOST_AUTO_TEST_CASE(a_sweep_refuses_what_it_cannot_vary) {
  const auto refused = [](const std::string& arguments, int status, const char* why) {
    const tests::ProcessResult result = tests::run_process("{bin}/" + arguments + " --preset smoke --out /tmp/never");
    BOOST_CHECK_EQUAL(result.status, status);
    check_says(result, why);
  };
  refused("pretraining_length --lengths=-3", 2, "--lengths");
  refused("sweep --vary colour --values 1", 2, "--vary");
  refused("sweep --vary width", 2, "--values");
  refused("sweep --vary width --values 8,0", 1, "--width takes whole numbers from 1 to 10000000; arrived 0");
  refused("sweep --vary width --values 8.5", 1, "--width takes whole numbers from 1 to 10000000; arrived 8.5");
  refused("sweep --vary finetune-lr --values=-1", 1, "--finetune-lr takes numbers above 0 up to 1000; arrived -1");
  refused("sweep --vary wrong-class --values 0,1.5", 1, "--wrong-class takes numbers from 0 to 1; arrived 1.5");
  refused("sweep --vary finetune-lr --values 0.1,nan", 1, "arrived nan");
  refused("sweep --vary finetune-lr --values 0.1,0.10000000000001", 1, "two values of finetune-lr are written 0.1");
  refused("sweep --vary embedding --values 32,16,32", 1, "two values of embedding are written 32");
  refused("sweep --vary width --values 8 --seeds 1,0,1", 1, "the seed 1 is named twice");
  refused("sweep --vary width --values 8 --seeds 0 --seed 3", 1, "--seed does nothing beside --seeds; leave one of");
  refused("sweep --vary width --values 8 --width 32", 1, "--width does nothing beside --values");
  refused("pretraining_length --lengths 8 --pretrain-steps 3", 1, "--pretrain-steps does nothing beside --lengths");
  refused("sweep --vary heads --values 2,3", 1, "cannot vary heads to 3: ");
  refused("sweep --vary patch --values 8,5", 1, "cannot vary patch to 5: ");
  refused("sweep --vary width --values 8 --seeds=-1", 2, "--seeds");
}

BOOST_AUTO_TEST_CASE(every_number_of_a_recipe_is_an_option_and_can_be_set) {
  const tests::ProcessResult help = tests::run_process("{bin}/reproduce --help");
  for (const RecipeNumber& number : recipe_numbers()) {
    BOOST_TEST_CONTEXT(number.name) {
      Recipe recipe = preset("smoke");
      const double value = number.most < 3.0 ? 0.5 : 3.0;
      number.set(recipe, value);
      BOOST_CHECK_EQUAL(number.get(recipe), value);
      check_says(help, "--" + std::string(number.name) + " ");
    }
  }
  check_says(help, "Steps of pre-training (smoke 12, quick 3200, small 12000)\n");
  check_says(help, "Learning rate of fine-tuning, the same in both modes (0.0003)\n");
  BOOST_CHECK_THROW(recipe_number("colour"), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(overlap_of_heads) {
  using engine::Tensor;
  const Tensor along_x = Tensor::from<float>({1, 0, 0, 0.5F, -1, 0, 0, 0.5F}, {2, 4});
  const Tensor along_y = Tensor::from<float>({0, 1, 0, 0, 0, -1, 0, 0}, {2, 4});
  const Tensor diagonal = Tensor::from<float>({1, 1, 0, 0, -1, -1, 0, 0}, {2, 4});
  const Tensor plane = Tensor::from<float>({1, 0, 0, 0, 0, 1, 0, 0, -1, -1, 0, 0}, {3, 4});
  BOOST_CHECK_SMALL(head_overlap({along_x, along_y}), 1e-12);
  BOOST_CHECK_CLOSE_FRACTION(head_overlap({along_x, diagonal}), 0.5, 1e-6);
  BOOST_CHECK_CLOSE_FRACTION(head_overlap({along_x, along_x}), 1.0, 1e-6);
  BOOST_CHECK_CLOSE_FRACTION(head_overlap({along_x, plane}), 0.75, 1e-6);  // 1 of the one, 1/2 of the other
  BOOST_CHECK_EQUAL(head_overlap({plane}), 0.0);
}

BOOST_AUTO_TEST_SUITE_END()
