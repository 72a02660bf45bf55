// The programs on task vectors, from the outside: one small run of `reproduce` gives the weights, each program's results
// are checked against what must hold whatever the weights are.
#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "experiments/arithmetic/disentanglement.hpp"
#include "experiments/arithmetic/features.hpp"
#include "experiments/arithmetic/linearization_error.hpp"
#include "experiments/arithmetic/negation.hpp"
#include "experiments/arithmetic/single_task.hpp"
#include "experiments/arithmetic/task_vectors.hpp"
#include "experiments/common/finetuning.hpp"
#include "experiments/common/run_folder.hpp"
#include "tests/experiments/finished_run.hpp"

using experiments::Json;
using experiments::read_json;
using tests::check_says;
using tests::finished_run;
using tests::on_finished_run;
using tests::ProcessResult;
using tests::run_process;
using tests::TemporaryDirectory;

BOOST_AUTO_TEST_SUITE(task_vector_programs)

namespace {

const std::array<const char*, 3> kModes{"standard", "posthoc", "linear"};

const std::string kWeights = "/pretrain/pretrained.safetensors";

std::string place_of(experiments::Mode mode, const std::string& task) {
  return "/finetune/" + std::string(to_string(mode)) + "/" + task + "/finetuned.safetensors";
}

// Of the finished run, as are the weights.
nn::ParamTree vector_of(experiments::Mode mode, const std::string& task, const experiments::Pretrained& pretrained) {
  return experiments::load_task_vector(finished_run() + place_of(mode, task), pretrained, task, mode);
}

void require_success(const ProcessResult& result) { BOOST_REQUIRE_MESSAGE(result.status == 0, result.output); }

}  // namespace

BOOST_AUTO_TEST_CASE(single_task_agrees_with_task_addition) {
  const TemporaryDirectory folder;
  const std::string out = folder.path().string();
  const std::string run = on_finished_run("single_task", out);
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

BOOST_AUTO_TEST_CASE(task_negation_chooses_alpha_by_its_rule) {
  const TemporaryDirectory folder;
  const std::string out = folder.path().string();
  const std::string run = on_finished_run("task_negation", out) + "--control objects";
  const ProcessResult result = run_process(run);
  require_success(result);
  check_says(result, "control: objects");
  check_says(result, "the control is at chance (8.3) before anything is subtracted");
  const Json results = read_json(out + "/results.json");
  BOOST_CHECK_EQUAL(results.at("control").at("validation_images").get<int>(), 96);  // twice the tasks' 48
  const double pretrained = results.at("control").at("zero_shot_validation").get<double>();
  const std::vector<double> alphas = results.at("alpha_grid").get<std::vector<double>>();
  for (const char* mode : kModes) {
    const Json& negation = results.at("negation").at(mode);
    for (const std::string task : {"digits", "signs"}) {
      const auto target = negation.at("validation").at(task).at("target").get<std::vector<double>>();
      const auto control = negation.at("validation").at(task).at("control").get<std::vector<double>>();
      BOOST_REQUIRE_EQUAL(target.size(), 21u);
      BOOST_CHECK_EQUAL(control[0], pretrained);
      const double alpha = negation.at("alpha").at(task).get<double>();
      const auto chosen = static_cast<std::size_t>(std::ranges::find(alphas, alpha) - alphas.begin());
      BOOST_REQUIRE_LT(chosen, alphas.size());
      BOOST_CHECK_GE(control[chosen], 0.95 * pretrained);
      for (std::size_t i = 0; i < alphas.size(); ++i) {
        if (control[i] >= 0.95 * pretrained) BOOST_CHECK_GE(target[i], target[chosen]);
      }
    }
  }
  // At alpha 0 all three are the pre-trained model.
  const auto at_zero = [&](const char* mode) {
    return results.at("negation").at(mode).at("validation").at("signs").at("target")[0];
  };
  BOOST_CHECK_EQUAL(at_zero("standard"), at_zero("posthoc"));
  BOOST_CHECK_EQUAL(at_zero("standard"), at_zero("linear"));

  const Json reference = read_json(out + "/reference/linear_negations.json").at("signs");
  const Json& linear = results.at("negation").at("linear");
  BOOST_CHECK_EQUAL(reference.at("test_control"), linear.at("control").at("signs"));
  BOOST_CHECK_EQUAL(reference.at("val").at("0.15000000000000002").at("signsVal:top1"),
                    linear.at("validation").at("signs").at("target")[3]);
  BOOST_CHECK(reference.at("val").at("1.0").contains("objectsVal:top1"));
  check_says(run_process(run), "task negation: already done");

  const ProcessResult without = run_process(on_finished_run("task_negation", out, "digits") + "--control none");
  BOOST_CHECK_EQUAL(without.status, 1);
  check_says(without, "[task_negation] needs a control task");
  const ProcessResult same = run_process(on_finished_run("task_negation", out, "digits") + "--control digits");
  BOOST_CHECK_EQUAL(same.status, 1);
  check_says(same, "'digits' is the control, which is no task");
}

// The weights of the finished run know too little to forget any of it: with four times a vector in them they have something.
BOOST_AUTO_TEST_CASE(a_control_above_chance_is_not_complained_of) {
  Json results = read_json(finished_run() + "/task_negation/results.json");
  Json& control = results.at("control");  // 12 classes, 96 images: two standard errors above chance are 14 %
  const auto complains = [&](double accuracy) {
    control["zero_shot_validation"] = accuracy;
    return experiments::negation_table(results).find("is at chance (8.3)") != std::string::npos;
  };
  BOOST_CHECK(complains(0.13));
  BOOST_CHECK(!complains(0.15));
  control.erase("classes");
  BOOST_CHECK(!complains(0.08));
}

BOOST_AUTO_TEST_CASE(task_negation_subtracts) {
  const TemporaryDirectory folder;
  engine::ShardPool pool(2);
  experiments::Recipe recipe = experiments::preset("smoke");
  recipe.finetune.validation_images = recipe.finetune.test_images = 400;
  const experiments::TaskData signs = load_task(experiments::find_source("signs", {}), recipe, 0, pool);
  const experiments::TaskData objects = load_task(experiments::find_source("objects", {}), recipe, 0, pool);
  experiments::Pretrained pretrained = experiments::load_pretrained(finished_run() + kWeights);
  std::vector<nn::ParamTree> tau;  // standard, linear
  for (const experiments::Mode mode : {experiments::Mode::standard, experiments::Mode::linear})
    tau.push_back(4.0 * vector_of(mode, "signs", pretrained));
  pretrained.theta0 = pretrained.theta0 + tau[0];
  const std::string weights = (folder.path() / "pretrained.safetensors").string();
  save_pretrained(weights, pretrained);
  for (const experiments::Mode mode : {experiments::Mode::standard, experiments::Mode::linear}) {
    const std::filesystem::path file = folder.path().string() + place_of(mode, "signs");
    std::filesystem::create_directories(file.parent_path());
    save_finetuned(file, pretrained, signs, mode, pretrained.theta0 + tau[mode == experiments::Mode::linear ? 1 : 0]);
  }
  const std::string out = (folder.path() / "out").string();
  require_success(run_process(
      "{bin}/task_negation --preset smoke --validation-images 400 --test-images 400 --tasks signs --control objects "
      "--pretrained " +
      weights + " --finetuned " + (folder.path() / "finetune").string() + " --out " + out));
  const Json results = read_json(out + "/results.json");

  const nn::Shards shards{pool, recipe.shard_size};
  const nn::Model f = pretrained.vit.model();
  const nn::TangentModel tangent(f, pretrained.theta0);
  const auto by_hand = [&](const std::string& mode, double alpha, const experiments::TaskData& task,
                           const datasets::Dataset& images) {
    const models::ZeroShotHead head = zero_shot_head(pretrained, task.text);
    if (mode == "standard")
      return accuracy(head, experiments::features(f, pretrained.theta0 - alpha * tau[0], images, shards));
    const std::vector<nn::ParamTree> direction{-alpha * tau[mode == "linear" ? 1 : 0]};
    return accuracy(head, experiments::tangent_features(tangent, images, direction, shards).at(1.0, 0));
  };
  constexpr double kOneImage = 1.01 / 400;  // whose prediction another order of sums may turn
  for (const std::string mode : kModes) {
    const Json& negation = results.at("negation").at(mode);
    const double chosen = negation.at("alpha").at("signs").get<double>();
    BOOST_CHECK_SMALL(negation.at("target").at("signs").get<double>() - by_hand(mode, chosen, signs, *signs.test),
                      kOneImage);
    BOOST_CHECK_SMALL(negation.at("control").at("signs").get<double>() - by_hand(mode, chosen, objects, *objects.test),
                      kOneImage);
    const auto target = negation.at("validation").at("signs").at("target").get<std::vector<double>>();
    BOOST_CHECK_SMALL(target.back() - by_hand(mode, 1.0, signs, *signs.validation), kOneImage);
    BOOST_CHECK_GT(by_hand(mode, -1.0, signs, *signs.validation) - target.back(), 5 * kOneImage);
  }
}

BOOST_AUTO_TEST_CASE(alpha_of_negation_is_the_first_least_target_that_keeps_the_control) {
  const std::vector<double> alphas{0.0, 0.25, 0.5, 0.75, 1.0};
  const std::vector<double> target{0.9, 0.6, 0.4, 0.4, 0.1};
  const auto choose = [&](const std::vector<double>& control) {
    return experiments::choose_negation_alpha(alphas, target, control, 0.95);
  };
  BOOST_CHECK_EQUAL(choose({1.0, 1.0, 0.95, 0.96, 0.94}).alpha, 0.5);
  BOOST_CHECK_EQUAL(choose({1.0, 0.9, 0.9, 0.9, 0.95}).alpha, 1.0);  // the control may recover
  BOOST_CHECK(choose({1.0, 0.9, 0.9, 0.9, 0.95}).found);
  BOOST_CHECK_EQUAL(choose({1.0, 0.9, 0.9, 0.9, 0.9}).alpha, 0.0);
  BOOST_CHECK(!choose({1.0, 0.9, 0.9, 0.9, 0.9}).found);
}

BOOST_AUTO_TEST_CASE(what_was_fine_tuned_is_gone_on_with_as_it_was_made) {
  const TemporaryDirectory folder;
  const std::string out = folder.path().string();
  // Manifests that tell of another seed and other numbers.
  const std::string copy = out + "/finetune";
  std::filesystem::copy(finished_run() + "/finetune", copy, std::filesystem::copy_options::recursive);
  const auto note = [&](const std::string& mode, const std::string& task, const std::string& key, const Json& value) {
    const std::string file = copy + "/" + mode + "/" + task + "/manifest.json";
    Json manifest = read_json(file);
    (key == "seed" ? manifest : manifest.at("fingerprint").at("finetune"))[key] = value;
    experiments::write_json(file, manifest);
  };
  for (const std::string mode : {"standard", "linear"}) {
    for (const std::string task : {"digits", "signs"}) {
      note(mode, task, "seed", 5);
      note(mode, task, "test_images", 16);
      note(mode, task, "train_images", 40);
    }
  }
  note("linear", "signs", "lr", 0.01);
  const std::string on_the_copy =
      "--tasks digits,signs --pretrained " + finished_run() + kWeights + " --finetuned " + copy + " --out " + out;
  const auto fingerprint = [&](const std::string& command) {
    require_success(run_process("{bin}/" + command));
    return read_json(out + "/results/manifest.json").at("fingerprint");
  };
  const Json taken = fingerprint("single_task " + on_the_copy + "/results");
  BOOST_CHECK_EQUAL(taken.at("seed"), 5);
  BOOST_CHECK_EQUAL(taken.at("test_images"), 16);
  BOOST_CHECK_EQUAL(taken.at("validation_images"), 48);
  const Json told = fingerprint("single_task --overwrite --seed 1 --test-images 8 " + on_the_copy + "/results");
  BOOST_CHECK_EQUAL(told.at("seed"), 1);
  BOOST_CHECK_EQUAL(told.at("test_images"), 8);
  require_success(run_process("{bin}/kernel_regression --iterations 1 " + on_the_copy + "/solved"));
  BOOST_CHECK_EQUAL(read_json(out + "/solved/results.json").at("per_task").at("signs").at("train_images"), 40);
  check_says(run_process("{bin}/random_init --train-images 50 " + on_the_copy + "/random"),
             "[recipe] train_images is 50 here and was 40 for the task vectors in " + copy +
                 ", with which this is compared; leave it out.\n");

  const std::vector<std::string> tasks{"digits", "signs"};
  const experiments::Making making = experiments::making_of(copy, tasks);
  BOOST_CHECK(making.seed == 5u);
  BOOST_CHECK_EQUAL(making.finetune.at("steps"), 6);
  BOOST_CHECK(!making.finetune.contains("lr"));
  BOOST_CHECK(making.disagreement == std::vector<std::string>{"lr"});
  const ProcessResult trained = run_process("{bin}/random_init " + on_the_copy + "/random");
  require_success(trained);
  check_says(trained, copy + ": the models were not all fine-tuned with one lr; the default is taken\n");
  const Json random = read_json(out + "/random/finetune/linear/signs/manifest.json");
  BOOST_CHECK_EQUAL(random.at("seed"), 5);
  BOOST_CHECK_EQUAL(random.at("fingerprint").at("finetune").at("train_images"), 40);

  for (const Json& wrong :
       {Json(0), Json(-5), Json(1e300), Json("seven"), Json(nullptr), Json(std::int64_t{1} << 62)}) {
    note("linear", "signs", "steps", wrong);
    BOOST_CHECK_EXCEPTION(experiments::making_of(copy, tasks), std::runtime_error, [&](const std::exception& error) {
      return std::string(error.what()).starts_with("[finetuned] " + copy + "/linear/signs/manifest.json: is damaged: ");
    });
    BOOST_CHECK_NO_THROW(experiments::making_of(copy, {"digits"}));
  }
  note("linear", "signs", "steps", 6);
  note("linear", "signs", "seed", -1);
  BOOST_CHECK_THROW(experiments::making_of(copy, tasks), std::runtime_error);
  std::ofstream(copy + "/linear/signs/manifest.json") << "{\"name\": \"a model card\"}";
  BOOST_CHECK_NO_THROW(experiments::making_of(copy, tasks));
  check_says(run_process("{bin}/single_task --tasks digits --pretrained " + finished_run() + kWeights +
                         " --finetuned " + finished_run() + " --out " + out + "/no"),
             "is not there; say --finetuned " + finished_run() + "/finetune.");
}

BOOST_AUTO_TEST_CASE(an_edited_model_is_tested_like_a_pretrained_one) {
  const TemporaryDirectory folder;
  const std::string out = folder.path().string();
  const std::string weights = finished_run() + kWeights;
  const std::string tuned = finished_run() + place_of(experiments::Mode::standard, "digits");
  require_success(
      run_process("{bin}/task_vector subtract " + tuned + " " + weights + " --out " + out + "/tau.safetensors"));
  require_success(run_process("{bin}/task_vector add " + weights + " " + out + "/tau.safetensors --out " + out +
                              "/sum.safetensors"));
  const auto accuracy = [&](const std::string& file, const std::string& name) {
    require_success(
        run_process("{bin}/zero_shot --task digits --images 64 --pretrained " + file + " --out " + out + "/" + name));
    return read_json(out + "/" + name + "/results.json").at("accuracy").get<double>();
  };
  const double single = read_json(finished_run() + "/single_task/results.json")
                            .at("single_task")
                            .at("standard")
                            .at("digits")
                            .get<double>();
  BOOST_CHECK_EQUAL(accuracy(tuned, "tuned"), single);
  BOOST_CHECK_EQUAL(accuracy(out + "/sum.safetensors", "sum"), single);
  const auto refused = [&](const std::string& file) {
    const ProcessResult result =
        run_process("{bin}/zero_shot --task digits --pretrained " + file + " --out " + out + "/no");
    BOOST_CHECK_EQUAL(result.status, 1);
    return result;
  };
  check_says(refused(out + "/tau.safetensors"), "not a file of `pretrain`");
  require_success(run_process("{bin}/task_vector add " + finished_run() +
                              place_of(experiments::Mode::linear, "digits") + " " + out +
                              "/tau.safetensors --scale 0 --out " + out + "/linear.safetensors"));
  check_says(refused(out + "/linear.safetensors"), "not a file of `pretrain`");
  check_says(refused(finished_run() + place_of(experiments::Mode::linear, "digits")),
             "fine-tuned in the tangent space");
}

BOOST_AUTO_TEST_CASE(task_addition_writes_the_reference_files) {
  const Json results = read_json(finished_run() + "/task_addition/results.json");
  for (const std::string mode : {"standard", "linear"}) {
    const Json reference = read_json(finished_run() + "/task_addition/reference/" +
                                     (mode == "linear" ? "linear_additions.json" : "additions.json"));
    const Json& addition = results.at("addition").at(mode);
    BOOST_CHECK_EQUAL(reference.at("test").at("avg_top1"), addition.at("absolute"));
    BOOST_CHECK_EQUAL(reference.at("test").at("avg_normalized_top1"), addition.at("normalised"));
    BOOST_CHECK_EQUAL(reference.at("test").at("signs:top1"), addition.at("per_task").at("signs"));
    BOOST_CHECK_EQUAL(reference.at("val").size(), 21u);
    const Json& third = reference.at("val").at("0.15000000000000002");
    BOOST_CHECK_EQUAL(third.at("avg_normalized_top1"), addition.at("validation_curve")[3]);
    BOOST_CHECK_CLOSE_FRACTION(third.at("digitsVal:normalized_top1").get<double>() *
                                   results.at("single_task_validation").at(mode).at("digits").get<double>(),
                               third.at("digitsVal:top1").get<double>(), 1e-12);
  }
}

BOOST_AUTO_TEST_CASE(disentanglement_counts_the_predictions_that_change) {
  const TemporaryDirectory folder;
  const std::string out = folder.path().string();
  const std::string run = on_finished_run("disentanglement", out) + "--grid-points 5 --grid-range 40 --grid-images 24";
  const ProcessResult result = run_process(run);
  require_success(result);
  check_says(result, "digits (alpha1, to the right) and signs (alpha2, upwards), on 24 and 24 images");
  const Json results = read_json(out + "/results.json");
  BOOST_CHECK(results.at("alphas") == Json({-40.0, -20.0, 0.0, 20.0, 40.0}));
  BOOST_REQUIRE_EQUAL(results.at("pairs").size(), 1u);
  const Json& modes = results.at("pairs")[0].at("modes");
  for (const char* mode : kModes) {
    const Json& maps = modes.at(mode);
    for (std::size_t i = 0; i < 5; ++i) {
      BOOST_CHECK_EQUAL(maps.at("disagreement")[0][i][2].get<double>(), 0.0);  // alpha2 = 0
      BOOST_CHECK_EQUAL(maps.at("disagreement")[1][2][i].get<double>(), 0.0);  // alpha1 = 0
      for (std::size_t j = 0; j < 5; ++j) {
        const double sum =
            maps.at("disagreement")[0][i][j].get<double>() + maps.at("disagreement")[1][i][j].get<double>();
        BOOST_CHECK_EQUAL(maps.at("xi_sum")[i][j].get<double>(), sum);
        BOOST_CHECK_EQUAL(maps.at("xi_mean")[i][j].get<double>(), sum / 2.0);
      }
    }
    BOOST_CHECK(maps.at("summary").at("at_one").is_null());           // (1, 1) is not on this grid
    BOOST_CHECK(maps.at("summary").at("mean_search_box").is_null());  // of which there is (0, 0) alone
    BOOST_CHECK_GT(maps.at("summary").at("mean_map").get<double>(), 0.0);
  }

  // Once more by hand at alpha = (40, -20), on the images of signs.
  engine::ShardPool pool(2);
  const experiments::Pretrained pretrained = experiments::load_pretrained(finished_run() + kWeights);
  const auto tau = [&](experiments::Mode mode, const std::string& task) { return vector_of(mode, task, pretrained); };
  experiments::Recipe recipe = experiments::preset("smoke");
  recipe.finetune.test_images = 24;
  const experiments::TaskData signs = load_task(experiments::find_source("signs", {}), recipe, 0, pool);
  const models::ZeroShotHead head = zero_shot_head(pretrained, signs.text);
  const nn::Shards shards{pool, recipe.shard_size};
  const auto share_that_differs = [](const std::vector<std::int64_t>& a, const std::vector<std::int64_t>& b) {
    int count = 0;
    for (std::size_t i = 0; i < a.size(); ++i) count += a[i] != b[i] ? 1 : 0;
    return count / static_cast<double>(a.size());
  };
  const nn::Model f = pretrained.vit.model();
  const auto standard = [&](const nn::ParamTree& theta) {
    return head.predict(experiments::features(f, theta, *signs.test, shards).values);
  };
  const nn::ParamTree digits_part = 40.0 * tau(experiments::Mode::standard, "digits");
  const nn::ParamTree signs_part = -20.0 * tau(experiments::Mode::standard, "signs");
  // The sum may be rounded in another order, which can turn one prediction in 24.
  BOOST_CHECK_SMALL(modes.at("standard").at("disagreement")[1][4][1].get<double>() -
                        share_that_differs(standard(pretrained.theta0 + signs_part),
                                           standard(pretrained.theta0 + signs_part + digits_part)),
                    1.5 / 24);
  const nn::ParamTree alone = -20.0 * tau(experiments::Mode::linear, "signs");
  const std::vector<nn::ParamTree> directions{alone, alone + 40.0 * tau(experiments::Mode::linear, "digits"),
                                              signs_part, signs_part + digits_part};
  const experiments::TangentFeatures tangent =
      experiments::tangent_features(nn::TangentModel(f, pretrained.theta0), *signs.test, directions, shards);
  const auto linearised = [&](std::size_t direction) { return head.predict(tangent.at(1.0, direction).values); };
  for (const auto& [mode, first] : {std::pair("linear", std::size_t{0}), std::pair("posthoc", std::size_t{2})}) {
    BOOST_CHECK_SMALL(modes.at(mode).at("disagreement")[1][4][1].get<double>() -
                          share_that_differs(linearised(first), linearised(first + 1)),
                      1.5 / 24);
  }
  check_says(run_process(run), "disentanglement: already done");

  const auto refuses = [&](const std::string& pairs, const std::string& message) {
    const ProcessResult refused = run_process(on_finished_run("disentanglement", out) + "--pairs " + pairs);
    BOOST_CHECK_EQUAL(refused.status, 1);
    check_says(refused, message);
  };
  refuses("digits-signs", "'digits-signs' is not a pair of tasks such as digits:signs");
  refuses("digits:letters", "'letters' is not one of the tasks");
  refuses("signs:signs", "a pair is of two different tasks");
}

BOOST_AUTO_TEST_CASE(tasks_are_paired_with_those_half_the_list_further) {
  const auto pairs = experiments::default_pairs(experiments::find_sources({}, "none", {}));
  BOOST_REQUIRE_EQUAL(pairs.size(), 4u);
  BOOST_CHECK(pairs[0] == experiments::TaskPair("digits", "land_use"));
  BOOST_CHECK(pairs[3] == experiments::TaskPair("textures", "gauges"));
  BOOST_CHECK_EQUAL(experiments::default_pairs(experiments::find_sources({"digits"}, "none", {})).size(), 0u);
}

BOOST_AUTO_TEST_CASE(linearisation_error_begins_with_slope_two) {
  const TemporaryDirectory folder;
  const std::string out = folder.path().string();
  const std::string run = on_finished_run("linearization_error", out) + "--error-images 4";
  const ProcessResult result = run_process(run);
  require_success(result);
  check_says(result, "attention 0");
  const Json results = read_json(out + "/results.json");
  BOOST_CHECK(results.at("groups") == Json({"all", "embedding", "attention 0", "mlp 0", "output"}));
  BOOST_CHECK(results.at("images").at("signs") == 4);
  const std::size_t count = results.at("alphas").size();
  for (const std::string mode : {"standard", "linear"}) {
    for (const std::string task : {"digits", "signs"}) {
      for (const auto& [group, curve] : results.at("curves").at(mode).at(task).items()) {
        const auto error = curve.at("error").get<std::vector<double>>();
        BOOST_REQUIRE_EQUAL(error.size(), count);
        BOOST_CHECK(std::ranges::is_sorted(error));
        BOOST_CHECK_SMALL(curve.at("slope").get<double>() - 2.0,
                          0.1);  // the third-order term is of relative size alpha
        BOOST_CHECK_GT(curve.at("relative")[count - 1].get<double>(), 0.0);
      }
    }
  }
  check_says(run_process(run), "linearization error: already done");

  // Once more by hand at alpha = 1, with central differences for J·τ.
  engine::ShardPool pool(2);
  const experiments::Pretrained pretrained = experiments::load_pretrained(finished_run() + kWeights);
  experiments::Recipe recipe = experiments::preset("smoke");
  recipe.finetune.test_images = 4;
  const experiments::TaskData signs = load_task(experiments::find_source("signs", {}), recipe, 0, pool);
  const nn::ParamTree theta0 = pretrained.theta0.to(engine::DType::f64);
  const nn::ParamTree tau = vector_of(experiments::Mode::linear, "signs", pretrained).to(engine::DType::f64);
  const auto f = [&](double alpha) {
    const nn::Shards shards{pool, recipe.shard_size};
    return experiments::features(pretrained.vit.model(), theta0 + alpha * tau, *signs.test, shards).values;
  };
  constexpr double kStep = 1e-3;
  const engine::Tensor at_zero = f(0.0), at_one = f(1.0), ahead = f(kStep), behind = f(-kStep);
  const std::int64_t E = at_zero.shape()[1];
  double total = 0.0;
  for (std::int64_t n = 0; n < 4; ++n) {
    double squares = 0.0;
    for (std::int64_t i = n * E; i < (n + 1) * E; ++i) {
      const double j_tau = (ahead.data<double>()[i] - behind.data<double>()[i]) / (2 * kStep);
      squares += std::pow(at_one.data<double>()[i] - at_zero.data<double>()[i] - j_tau, 2);
    }
    total += std::sqrt(squares);
  }
  const auto alphas = results.at("alphas").get<std::vector<double>>();
  const auto one = static_cast<std::size_t>(std::ranges::find(alphas, 1.0) - alphas.begin());
  BOOST_CHECK_CLOSE_FRACTION(results.at("curves").at("linear").at("signs").at("all").at("error")[one].get<double>(),
                             total / 4, 1e-5);
}

BOOST_AUTO_TEST_CASE(parameter_groups_cover_each_parameter_once) {
  const models::Vit vit(experiments::preset("smoke").vit);
  const nn::ParamTree ones = [&] {
    nn::ParamTree tree(vit.layout());
    engine::MutableTensor values = tree.writable();
    std::fill_n(values.data<float>(), vit.layout()->numel(), 1.0F);
    return tree;
  }();
  nn::ParamTree sum(vit.layout());
  const std::vector<experiments::ParameterGroup> groups = experiments::parameter_groups(vit.config());
  BOOST_CHECK_EQUAL(groups.front().name, "all");
  BOOST_CHECK_EQUAL(nn::norm(experiments::part_of(ones, groups.front()) - ones), 0.0);
  for (std::size_t i = 1; i < groups.size(); ++i) {
    const nn::ParamTree part = experiments::part_of(ones, groups[i]);
    BOOST_CHECK_GT(nn::norm(part), 0.0);
    sum.axpy(1.0, part);
  }
  BOOST_CHECK_EQUAL(nn::norm(sum - ones), 0.0);
}

BOOST_AUTO_TEST_CASE(slope_on_log_axes_is_the_exponent) {
  BOOST_CHECK_CLOSE_FRACTION(experiments::log_slope({1.0, 2.0, 4.0}, {3.0, 12.0, 48.0}), 2.0, 1e-12);
  BOOST_CHECK_CLOSE_FRACTION(experiments::log_slope({1.0, 10.0}, {5.0, 0.5}), -1.0, 1e-12);
}

BOOST_AUTO_TEST_SUITE_END()
