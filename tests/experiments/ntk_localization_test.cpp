// The localisation of the tangent kernel: its measures on kernels that can be worked out on paper, and the program from the
// outside, on weights of a small run.
#include "experiments/arithmetic/ntk_localization.hpp"

#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "datasets/loader.hpp"
#include "engine/ops/ops.hpp"
#include "experiments/arithmetic/features.hpp"
#include "experiments/arithmetic/kernel_measures.hpp"
#include "experiments/common/run_folder.hpp"
#include "tests/experiments/finished_run.hpp"
#include "tests/support/tensors.hpp"

using engine::DType;
using engine::Range;
using engine::Tensor;
using experiments::Eigenfunctions;
using experiments::Json;
using experiments::read_json;
using tests::check_close;
using tests::check_says;
using tests::finished_run;
using tests::on_finished_run;
using tests::ProcessResult;
using tests::run_process;
using tests::TemporaryDirectory;

BOOST_AUTO_TEST_SUITE(ntk_localization)

namespace {

// Two tasks of two points that do not see each other: [[2, 1], [1, 2]] and 4 times the identity.
Tensor two_blocks() { return Tensor::from<double>({2, 1, 0, 0, 1, 2, 0, 0, 0, 0, 4, 0, 0, 0, 0, 4}, {4, 4}); }

}  // namespace

BOOST_AUTO_TEST_CASE(eigenfunctions_have_mean_square_one_and_solve_their_equation) {
  engine::Random random(1);
  const Tensor root = tests::random_tensor({6, 6}, random);
  const Tensor kernel = engine::matmul(root, engine::transpose(root)).tensor();
  const Eigenfunctions of = experiments::eigenfunctions(kernel, 3);
  BOOST_REQUIRE_EQUAL(of.values.size(), 3u);
  BOOST_CHECK(of.values[0] > of.values[1] && of.values[1] > of.values[2]);
  const Tensor squares = engine::mean(engine::mul(of.functions, of.functions), {0}).tensor();
  check_close(squares, Tensor::full({3}, 1.0, DType::f64), 1e-13, "mean of phi^2");
  // 1/n K φ = λ φ: at the points they are known at, carrying them over changes nothing.
  check_close(experiments::extended(of, kernel), of.functions, 1e-11, "carried to where they are");
}

BOOST_AUTO_TEST_CASE(a_function_carried_to_a_new_point_is_a_mean_over_the_old_ones) {
  // K = [[2, 0], [0, 1]]: λ = 1 and 1/2, φ = √2 (1, 0) and √2 (0, 1), up to signs.
  const Eigenfunctions of = experiments::eigenfunctions(Tensor::from<double>({2, 0, 0, 1}, {2, 2}), 2);
  BOOST_CHECK_CLOSE_FRACTION(of.values[0], 1.0, 1e-14);
  BOOST_CHECK_CLOSE_FRACTION(of.values[1], 0.5, 1e-14);
  const Tensor at = experiments::extended(of, Tensor::from<double>({3, 5}, {1, 2}));  // 1/(2 λ) Σ k φ
  BOOST_CHECK_CLOSE_FRACTION(std::abs(tests::values_of(at)[0]), 3.0 * std::sqrt(2.0) / 2.0, 1e-14);
  BOOST_CHECK_CLOSE_FRACTION(std::abs(tests::values_of(at)[1]), 5.0 * std::sqrt(2.0), 1e-14);
}

BOOST_AUTO_TEST_CASE(measures_of_two_tasks_that_do_not_see_each_other) {
  const Tensor kernel = two_blocks();
  const Range first{0, 2};
  const Range second{2, 4};
  BOOST_CHECK_CLOSE_FRACTION(experiments::kernel_cosine(kernel, first, first), 0.5,
                             1e-15);  // not of a point with itself
  BOOST_CHECK_EQUAL(experiments::kernel_cosine(kernel, first, second), 0.0);
  const Eigenfunctions of = experiments::eigenfunctions(kernel, 4);  // λ = 1, 1, 3/4, 1/4
  for (const double share : experiments::localisation(of, 2)) BOOST_CHECK_CLOSE_FRACTION(share, 1.0, 1e-14);
  BOOST_CHECK_CLOSE_FRACTION(experiments::participation(of.values), 9.0 / (2.0 + 10.0 / 16.0), 1e-13);
  const std::vector<double> third{0, 0, 1, 0};
  BOOST_CHECK_CLOSE_FRACTION(experiments::local_energy(of.functions, first, third), 2.0, 1e-14);
  BOOST_CHECK_SMALL(experiments::local_energy(of.functions, second, third), 1e-25);
  const Tensor carried = experiments::extended(experiments::eigenfunctions(kernel.slice(0, 0, 2).slice(1, 0, 2), 2),
                                               kernel.slice(0, 2, 4).slice(1, 0, 2));
  BOOST_CHECK_SMALL(experiments::local_energy(carried, {0, 2}, std::vector<double>{1, 1}), 1e-25);
  const std::vector<double> all{5, 5, 5, 5};  // every function together knows no difference
  BOOST_CHECK_CLOSE_FRACTION(experiments::local_energy(of.functions, first, all), 1.0, 1e-14);
  BOOST_CHECK_CLOSE_FRACTION(experiments::local_energy(of.functions, second, all), 1.0, 1e-14);
  // Labels 0, 1 on the first task: y = ±(1, −1)/2 lies along the last function, √2 (1, −1): ⟨y, φ⟩ = √2/4, for both classes.
  const std::vector<std::int64_t> labels{0, 1};
  const std::vector<double> c = experiments::squared_coefficients(of, first, labels);
  check_close(Tensor::from<double>(c, {4}), Tensor::from<double>({0, 0, 0, 0.25}, {4}), 1e-14, "c^2");
}

BOOST_AUTO_TEST_CASE(a_kernel_that_knows_no_difference_is_not_localised) {
  const Tensor kernel = Tensor::full({6, 6}, 3.0, DType::f64);
  BOOST_CHECK_CLOSE_FRACTION(experiments::kernel_cosine(kernel, {0, 2}, {2, 6}), 1.0, 1e-15);
  const Eigenfunctions of = experiments::eigenfunctions(kernel, 1);
  BOOST_CHECK_CLOSE_FRACTION(experiments::localisation(of, 2)[0], 2.0 / 3,
                             1e-14);  // a third and two thirds of the points
  const Eigenfunctions made = experiments::eigenfunctions(kernel.slice(0, 0, 2).slice(1, 0, 2), 1);
  const Tensor carried = experiments::extended(made, kernel.slice(0, 2, 6).slice(1, 0, 2));
  const std::vector<double> one{1.0};
  BOOST_CHECK_CLOSE_FRACTION(experiments::local_energy(carried, {0, 4}, one),
                             experiments::local_energy(made.functions, {0, 2}, one), 1e-14);
  check_close(experiments::centred(kernel), Tensor::zeros({6, 6}, DType::f64), 1e-15, "centred");
}

BOOST_AUTO_TEST_CASE(parts_and_centring_are_those_of_the_matrix) {
  const Tensor kernel = Tensor::from<double>({1, 2, 3, 2, 5, 6, 3, 6, 9}, {3, 3});
  const std::array<Range, 2> ends{Range{0, 1}, Range{2, 3}};
  check_close(experiments::part_of_kernel(kernel, ends, ends), Tensor::from<double>({1, 3, 3, 9}, {2, 2}), 0.0, "part");
  const Tensor without = experiments::centred(kernel);
  check_close(engine::sum(without, {0}).tensor(), Tensor::zeros({3}, DType::f64), 1e-14, "sums of columns");
  check_close(engine::sum(without, {1}).tensor(), Tensor::zeros({3}, DType::f64), 1e-14, "sums of rows");
}

BOOST_AUTO_TEST_CASE(the_program_measures_the_kernel_of_the_network) {
  const TemporaryDirectory folder;
  const std::string out = folder.path().string();
  const std::string run = on_finished_run("ntk_localization", out) +
                          "--control objects --kernel-images 6 --directions 2 --eigenfunctions 3 --finetuned-on signs";
  const ProcessResult result = run_process(run);
  BOOST_REQUIRE_MESSAGE(result.status == 0, result.output);
  check_says(result, "cosine: same task");
  const Json results = read_json(out + "/results.json");
  BOOST_CHECK(results.at("tasks") == Json({"digits", "signs", "objects"}));
  BOOST_CHECK(results.at("points") == Json({"random", "pretrained", "on signs"}));
  for (const std::string point : {"random", "pretrained", "on signs"}) {
    const Json& kernel = results.at("kernels").at(point);
    BOOST_CHECK_LT(kernel.at("check").at("relative_difference").get<double>(), 1e-4);  // both ways in single precision
    const auto spectrum = kernel.at("mean").at("spectrum").get<std::vector<double>>();
    BOOST_CHECK_EQUAL(spectrum.size(), 12u);
    BOOST_CHECK_CLOSE_FRACTION(std::accumulate(spectrum.begin(), spectrum.end(), 0.0), 1.0, 1e-12);
    const Json& cosine = kernel.at("cosine");
    const double across = cosine.at("across").get<double>();  // the mean of both, which sum in another order
    for (const Json& same : {cosine.at("matrix")[0][1], cosine.at("matrix")[1][0]})
      BOOST_CHECK_CLOSE_FRACTION(same.get<double>(), across, 1e-12);
    for (const std::string of : {"raw", "centred"}) {
      for (const Json& share : kernel.at("mean").at("localisation").at(of).at("each")) {
        BOOST_CHECK_GE(share.get<double>(), 0.5);
        BOOST_CHECK_LE(share.get<double>(), 1.0 + 1e-12);
      }
    }
    const Json& energy = kernel.at("mean").at("local_energy");
    const Json& each = kernel.at("pairs").at(0).at("local_energy_of_each");  // one pair: the mean is over its two tasks
    BOOST_REQUIRE_EQUAL(each.size(), 2u);
    for (const std::string weighting : {"plain", "eigenvalue", "coefficient"}) {
      const auto of = [&](std::size_t task) {
        return each.at(task).at("carried").at(weighting).at("other_over_own").get<double>();
      };
      BOOST_CHECK_NE(of(0), of(1));
      BOOST_CHECK_CLOSE_FRACTION(energy.at("carried").at(weighting).at("other_over_own").get<double>(),
                                 (of(0) + of(1)) / 2, 1e-12);
    }
    BOOST_CHECK_GT(energy.at("joint").at("coefficient").at("other_over_own").get<double>(), 0.0);
    BOOST_CHECK_GT(energy.at("carried").at("plain").at("control").get<double>(), 0.0);
  }

  // The cosine of the pre-trained kernel once more: each image's gradient, along the same two random directions.
  const experiments::Pretrained pretrained =
      experiments::load_pretrained(finished_run() + "/pretrain/pretrained.safetensors");
  engine::ShardPool pool(1);
  const experiments::Recipe recipe = experiments::preset("smoke");
  const std::int64_t E = pretrained.vit.features();
  engine::Random random{0, 1};
  std::vector<std::vector<nn::ParamTree>> gradients;  // [image][direction]
  std::vector<Tensor> directions;
  for (int d = 0; d < 2; ++d) {
    const Tensor w = tests::random_tensor({1, E}, random);
    directions.push_back(engine::l2_normalize(w).tensor().to(DType::f32));
  }
  for (const std::string name : {"digits", "signs"}) {
    experiments::Recipe evaluation = recipe;
    evaluation.finetune.train_images = 1;
    const experiments::TaskData task = load_task(experiments::find_source(name, {}), evaluation, 0, pool);
    for (std::int64_t i = 0; i < 6; ++i) {
      const Tensor image = datasets::load_range(*task.test, i, i + 1).images;
      const nn::TangentRecording recording = nn::record(pretrained.vit.model(), pretrained.theta0, image);
      gradients.push_back({recording.pull(directions[0]), recording.pull(directions[1])});
    }
  }
  const auto k = [&](std::size_t i, std::size_t j) {
    return dot(gradients[i][0], gradients[j][0]) + dot(gradients[i][1], gradients[j][1]);
  };
  double across = 0.0;
  for (std::size_t i = 0; i < 6; ++i) {
    for (std::size_t j = 6; j < 12; ++j) across += k(i, j) / std::sqrt(k(i, i) * k(j, j)) / 36.0;
  }
  BOOST_CHECK_SMALL(across - results.at("kernels").at("pretrained").at("cosine").at("across").get<double>(), 1e-5);
  check_says(run_process(run), "ntk localization: already done");
}

BOOST_AUTO_TEST_CASE(logits_of_all_heads_can_be_the_outputs) {
  const TemporaryDirectory folder;
  const std::string out = folder.path().string();
  const ProcessResult result =
      run_process(on_finished_run("ntk_localization", out) + "--kernel-images 4 --outputs logits --directions 2");
  BOOST_REQUIRE_MESSAGE(result.status == 0, result.output);
  const Json results = read_json(out + "/results.json");
  BOOST_CHECK_EQUAL(results.at("outputs"), "logits");
  BOOST_CHECK(results.at("control").is_null());
  for (const std::string point : {"random", "pretrained"}) {
    const Json& kernel = results.at("kernels").at(point);
    BOOST_CHECK_LT(kernel.at("check").at("relative_difference").get<double>(), 1e-4);
    BOOST_CHECK(kernel.at("mean").at("local_energy").at("carried").at("plain").at("control").is_null());
  }
}

BOOST_AUTO_TEST_CASE(what_cannot_be_measured_is_refused) {
  const TemporaryDirectory folder;
  const std::string out = folder.path().string();
  const auto refuses = [&](const std::string& arguments, int status, const std::string& message) {
    const ProcessResult refused = run_process(arguments);
    BOOST_CHECK_EQUAL(refused.status, status);
    check_says(refused, message);
  };
  refuses(on_finished_run("ntk_localization", out, "digits"), 1, "[ntk_localization] needs at least two tasks.");
  refuses(on_finished_run("ntk_localization", out) + "--finetuned-on letters", 1,
          "'letters' is not one of the tasks; --tasks names them.");
  refuses(on_finished_run("ntk_localization", out) + "--finetuned-on signs,signs", 1, "names 'signs' twice");
  refuses(on_finished_run("ntk_localization", out) + "--eigenfunctions 9", 1, "9 is more than the 8 images of a task");
  refuses(on_finished_run("ntk_localization", out) + "--kernel-images 3", 2, "--kernel-images");
  refuses(on_finished_run("ntk_localization", out) + "--pairs digits:objects --control objects", 1,
          "'objects' is not one of the tasks");
}

BOOST_AUTO_TEST_SUITE_END()
