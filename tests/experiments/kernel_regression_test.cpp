// Linear fine-tuning as one minimisation: the objective against its definition, the solution against what must hold of a
// minimum, and the program.
#include "experiments/arithmetic/kernel_regression.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "engine/ops/ops.hpp"
#include "experiments/arithmetic/features.hpp"
#include "experiments/arithmetic/tangent_problem.hpp"
#include "experiments/common/finetuning.hpp"
#include "experiments/common/interrupt.hpp"
#include "tests/experiments/finished_run.hpp"
#include "tests/support/tensors.hpp"

using namespace experiments;
using engine::DType;
using engine::Tensor;
using tests::check_says;
using tests::TemporaryDirectory;

BOOST_AUTO_TEST_SUITE(kernel_regression_suite)

namespace {

Recipe tiny() {
  Recipe recipe = preset("smoke");
  recipe.finetune = {.train_images = 25, .validation_images = 10, .test_images = 20, .steps = 4, .batch = 8};
  recipe.shard_size = 7;  // does not divide the number of images
  return recipe;
}

Pretrained untrained(const Context& context, Cut cut) {
  Pretrained pretrained = experiments::untrained(context);
  pretrained.cut = cut;
  return pretrained;
}

// A small problem in double precision.
struct Setup {
  explicit Setup(Cut cut, int threads = 2)
      : pool(threads),
        context{tiny(), 3, pool},
        pretrained(untrained(context, cut)),
        task(load_task(find_source("digits", {}), context.recipe, context.seed, pool)),
        head(zero_shot_head(pretrained, task.text)),
        model(pretrained.model(), pretrained.theta0.to(DType::f64)),
        loss([this](const engine::Var& z, const Tensor& labels) { return head.loss(z, labels); }) {}

  nn::ParamTree random_tau(std::uint64_t seed, double scale) const {
    return scale * nn::initial_params(pretrained.vit.layout(), seed, DType::f64);
  }
  TangentProblem problem(double l2, nn::ParamTree tau) const {
    return {model, *task.train, loss, l2, context.shards(), std::move(tau)};
  }
  TangentProblem problem(double l2) const { return problem(l2, nn::ParamTree(pretrained.vit.layout(), DType::f64)); }

  engine::ShardPool pool;
  Context context;
  Pretrained pretrained;
  TaskData task;
  models::ZeroShotHead head;
  nn::TangentModel model;
  nn::Loss loss;
};

double minimise(TangentProblem& problem, double tolerance, int most) {
  const nn::Objective objective = problem.objective();
  nn::LbfgsState state{problem.gradient(), {}};
  for (int i = 0; i < most && norm(state.gradient) > tolerance; ++i) {
    if (!nn::lbfgs_step(objective, state).has_value()) break;
  }
  return norm(state.gradient);
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_objective_is_the_mean_loss_of_the_tangent_model) {
  const double l2 = 0.3;
  for (const Cut cut : {Cut::features, Cut::logits}) {
    const Setup setup(cut);
    const nn::ParamTree tau = setup.random_tau(5, 0.05);
    const nn::ParamTree d = setup.random_tau(6, 0.05);
    TangentProblem problem = setup.problem(l2, tau);
    const std::vector<nn::ParamTree> directions{tau};
    const Features z = tangent_features(setup.model, *setup.task.train, directions, setup.context.shards()).at(1.0, 0);
    const double definition = setup.loss(z.values, z.labels).tensor().item() + 0.5 * l2 * dot(tau, tau);
    BOOST_CHECK_CLOSE_FRACTION(problem.value(), definition, 1e-12);

    // Along a line, against problems made anew at its points; h = 1e-5: truncation h², rounding 1e-16/h.
    const nn::Line line = problem.along(d);
    BOOST_CHECK_CLOSE_FRACTION(line(0.7).value, setup.problem(l2, tau + 0.7 * d).value(), 1e-12);
    const double h = 1e-5;
    const double slope = (line(0.7 + h).value - line(0.7 - h).value) / (2 * h);
    BOOST_CHECK_SMALL(line(0.7).slope - slope, 1e-8 * (1 + std::abs(slope)));
    BOOST_CHECK_CLOSE_FRACTION(line(0.0).slope, dot(problem.gradient(), d), 1e-10);

    problem.move(d, 0.7);
    BOOST_CHECK_CLOSE_FRACTION(problem.value(), setup.problem(l2, tau + 0.7 * d).value(), 1e-12);
    BOOST_CHECK_SMALL(norm(problem.gradient() - setup.problem(l2, tau + 0.7 * d).gradient()), 1e-10);
  }
}

BOOST_AUTO_TEST_CASE(the_convex_problem_has_one_minimum_wherever_one_starts) {
  const Setup setup(Cut::logits);
  const double l2 = 0.05;
  TangentProblem from_zero = setup.problem(l2);
  TangentProblem from_afar = setup.problem(l2, setup.random_tau(7, 0.1));
  BOOST_CHECK_GT(from_afar.value(), from_zero.value());
  const double tolerance = 1e-7;
  BOOST_REQUIRE_LE(minimise(from_zero, tolerance, 300), tolerance);
  BOOST_REQUIRE_LE(minimise(from_afar, tolerance, 300), tolerance);
  // F is strongly convex with constant λ: each is within tolerance / λ of the minimum.
  BOOST_CHECK_SMALL(norm(from_zero.tau() - from_afar.tau()), 2 * tolerance / l2);
  BOOST_CHECK_GT(norm(from_zero.tau()), 1000 * tolerance / l2);
  // At the minimum τ = −Jᵀ ∂L/∂z / λ: no higher anywhere near.
  for (const std::uint64_t seed : {8, 9}) {
    const nn::ParamTree nearby = from_zero.tau() + setup.random_tau(seed, 0.01);
    BOOST_CHECK_GT(setup.problem(l2, nearby).value(), from_zero.value());
  }
}

BOOST_AUTO_TEST_CASE(a_solution_has_the_same_bits_on_any_number_of_threads_and_after_an_interruption) {
  const KernelRegressionOptions options{.tolerance = 0.0, .iterations = 6};
  std::string once;
  for (const int threads : {1, 2, 5}) {
    const Setup setup(Cut::features, threads);
    const nn::ParamTree adam = 0.01 * nn::initial_params(setup.pretrained.vit.layout(), 4);
    const auto solve = [&](const RunFolder& folder) {
      Json results = solve_task(setup.context, setup.pretrained, setup.task, {adam, adam}, options, folder);
      results.erase("seconds");
      return results.dump();
    };
    const TemporaryDirectory folder;
    const std::string results = solve(RunFolder(folder.path() / "whole"));
    if (once.empty()) once = results;
    BOOST_CHECK_EQUAL(results, once);

    const RunFolder stopped(folder.path() / "stopped");
    interrupt_after(3);
    BOOST_CHECK_THROW(solve(stopped), Interrupted);
    reset_interrupt();
    BOOST_CHECK(std::filesystem::exists(stopped / "checkpoint.safetensors"));
    BOOST_CHECK_EQUAL(solve(stopped), once);
    BOOST_CHECK(!std::filesystem::exists(stopped / "checkpoint.safetensors"));
  }
}

BOOST_AUTO_TEST_CASE(the_program_compares_the_solution_with_adamw) {
  const TemporaryDirectory folder;
  const std::string out = folder.path().string();
  const std::string run = tests::on_finished_run("kernel_regression", out);
  const tests::ProcessResult result = tests::run_process(run);
  BOOST_REQUIRE_MESSAGE(result.status == 0, result.output);
  check_says(result, "average");
  check_says(result, "all tasks added, solved");
  const Json results = read_json(out + "/results.json");
  const Json addition = read_json(tests::finished_run() + "/task_addition/results.json");
  for (const std::string task : {"digits", "signs"}) {
    const Json& own = results.at("per_task").at(task);
    BOOST_CHECK_EQUAL(own.at("zero_shot"), addition.at("zero_shot").at(task));
    BOOST_CHECK_EQUAL(own.at("standard"), addition.at("single_task").at("standard").at(task));
    BOOST_CHECK_EQUAL(own.at("adamw"), addition.at("single_task").at("linear").at(task));
    BOOST_CHECK_LT(own.at("train_loss").at("solved").get<double>(), own.at("train_loss").at("adamw").get<double>());
    BOOST_CHECK_GT(own.at("cosine").get<double>(), 0.0);  // both begin downhill
    BOOST_CHECK_EQUAL(own.at("iterations").get<int>(), 8);
    BOOST_CHECK_EQUAL(own.at("ended"), "iterations");
    const Json& curve = own.at("curve");
    BOOST_REQUIRE_EQUAL(curve.size(), 5u);  // 0, 1, 2, 4, 8
    for (std::size_t i = 1; i < curve.size(); ++i)
      BOOST_CHECK_LT(curve[i].at("objective").get<double>(), curve[i - 1].at("objective").get<double>());
    BOOST_CHECK_EQUAL(own.at("solved"), curve.back().at("test"));
    const auto validation_at = [&](const Json& iteration) {
      for (const Json& point : curve) {
        if (point.at("iteration") == iteration) return point.at("validation").get<double>();
      }
      return -1.0;
    };
    for (const Json& point : curve)
      BOOST_CHECK_LE(point.at("validation").get<double>(), validation_at(own.at("early").at("iteration")));
  }
  // The very addition that task_addition makes.
  const Json& adam = results.at("addition").at("adamw");
  const Json& linear = addition.at("addition").at("linear");
  BOOST_CHECK_EQUAL(adam.at("alpha"), linear.at("alpha"));
  BOOST_CHECK_EQUAL(adam.at("absolute"), linear.at("absolute"));
  BOOST_CHECK_EQUAL(adam.at("normalised"), linear.at("normalised"));
  BOOST_CHECK_EQUAL(adam.at("gap_closed"), linear.at("gap_closed"));
  BOOST_CHECK_EQUAL(adam.at("validation_curve").dump(), linear.at("validation_curve").dump());

  // The weights are a fine-tuning in linear mode like any other.
  const Pretrained pretrained = load_pretrained(tests::finished_run() + "/pretrain/pretrained.safetensors");
  const nn::ParamTree tau =
      load_task_vector(out + "/linear/digits/finetuned.safetensors", pretrained, "digits", Mode::linear);
  BOOST_CHECK_CLOSE_FRACTION(
      norm(tau), results.at("per_task").at("digits").at("task_vector_norm").at("solved").get<double>(), 1e-4);

  const tests::ProcessResult again = tests::run_process(run);
  check_says(again, "kernel regression digits: already done");
  check_says(again, "kernel regression: already done");
  BOOST_CHECK_EQUAL(read_json(out + "/results.json").dump(), results.dump());
}

BOOST_AUTO_TEST_CASE(the_logits_may_be_linearised_instead) {
  const TemporaryDirectory folder;
  const std::string out = folder.path().string();
  const tests::ProcessResult refused =
      tests::run_process(tests::on_finished_run("kernel_regression", out + "/refused") + "--linearise logits");
  BOOST_CHECK_EQUAL(refused.status, 1);
  check_says(refused,
             "/linear/digits/finetuned.safetensors: it was fine-tuned with --linearise features, not logits.\n");

  const std::string of_two = " --preset smoke --tasks digits,signs --linearise logits ";
  const tests::ProcessResult result =
      tests::run_process("{bin}/reproduce --control none --experiments kernel_regression,single_task,task_addition" +
                         of_two + "--out " + out);
  BOOST_REQUIRE_MESSAGE(result.status == 0, result.output);
  check_says(result, "linearised: logits");
  const Json solved = read_json(out + "/kernel_regression/results.json").at("per_task").at("signs");
  BOOST_CHECK_LT(solved.at("train_loss").at("solved").get<double>(), solved.at("train_loss").at("adamw").get<double>());
  const std::string weights =
      "--pretrained " + out + "/pretrain/pretrained.safetensors --finetuned " + out + "/finetune";
  const tests::ProcessResult pulled = tests::run_process("{bin}/kernel_regression" + of_two + weights + " --out " +
                                                         out + "/pulled --l2 0.001 --iterations 2");
  BOOST_REQUIRE_MESSAGE(pulled.status == 0, pulled.output);
  const Json results = read_json(out + "/pulled/results.json");
  BOOST_CHECK_EQUAL(results.at("linearise"), "logits");
  const Json last = results.at("per_task").at("signs").at("curve").back();
  BOOST_CHECK_CLOSE_FRACTION(
      last.at("objective").get<double>(),
      last.at("train_loss").get<double>() + 0.0005 * std::pow(last.at("task_vector_norm").get<double>(), 2), 1e-9);

  // The accuracies are those of f(x; θ0) + J(x; θ0) τ where f are the logits of the ordinary head.
  engine::ShardPool pool(2);
  Pretrained pretrained = load_pretrained(out + "/pretrain/pretrained.safetensors");
  const TaskData task = load_task(find_source("signs", {}), preset("smoke"), 0, pool);
  const nn::TangentModel logits([encoder = pretrained.model(), head = zero_shot_head(pretrained, task.text)](
                                    const nn::Params& p, const engine::Var& x) { return head.logits(encoder(p, x)); },
                                pretrained.theta0);
  pretrained.cut = Cut::logits;
  const auto vector = [&](const std::string& of, Mode mode) {
    const std::string mode_folder = out + "/finetune/" + std::string(to_string(mode)) + "/";
    return load_task_vector(mode_folder + of + "/finetuned.safetensors", pretrained, of, mode);
  };
  const auto accuracy_of = [&](const datasets::Dataset& images, const nn::ParamTree& tau) {
    const Features of = tangent_features(logits, images, std::span(&tau, 1), {pool, 16}).at(1.0, 0);
    const std::int64_t K = of.values.shape()[1];
    const auto* row = of.values.data<float>();
    double correct = 0.0;
    for (std::int64_t n = 0; n < images.size(); ++n, row += K)
      correct += std::max_element(row, row + K) - row == of.labels.data<std::int64_t>()[n] ? 1.0 : 0.0;
    return correct / static_cast<double>(images.size());
  };
  const Json alone = read_json(out + "/single_task/results.json").at("single_task");
  const nn::ParamTree linear = vector("signs", Mode::linear);
  BOOST_CHECK_EQUAL(alone.at("linear").at("signs").get<double>(), accuracy_of(*task.test, linear));
  BOOST_CHECK_EQUAL(alone.at("posthoc").at("signs").get<double>(),
                    accuracy_of(*task.test, vector("signs", Mode::standard)));
  const Json added = read_json(out + "/task_addition/results.json").at("addition").at("linear");
  const nn::ParamTree sum = added.at("alpha").get<double>() * (linear + vector("digits", Mode::linear));
  BOOST_CHECK_EQUAL(added.at("per_task").at("signs").get<double>(), accuracy_of(*task.test, sum));
}

BOOST_AUTO_TEST_CASE(a_damaged_checkpoint_is_named) {
  const Setup setup(Cut::features);
  const nn::ParamTree adam = 0.01 * nn::initial_params(setup.pretrained.vit.layout(), 4);
  const KernelRegressionOptions options{.iterations = 4};
  const TemporaryDirectory folder;
  const RunFolder stopped(folder.path());
  const auto solve = [&] { solve_task(setup.context, setup.pretrained, setup.task, {adam, adam}, options, stopped); };
  interrupt_after(2);
  BOOST_CHECK_THROW(solve(), Interrupted);
  reset_interrupt();
  const std::filesystem::path file = stopped / "checkpoint.safetensors";
  std::filesystem::resize_file(file, std::filesystem::file_size(file) / 2);
  BOOST_CHECK_EXCEPTION(solve(), std::runtime_error, [&](const std::runtime_error& error) {
    return std::string(error.what()).find(file.string()) != std::string::npos;
  });
}

BOOST_AUTO_TEST_SUITE_END()
