// The two training steps on a small ViT: their gradients against differences of the loss, their cost in products, their
// memory, and the same bits on any number of threads.
#include "nn/steps.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "engine/ops/ops.hpp"
#include "engine/parallel/memory.hpp"
#include "engine/tensor/errors.hpp"
#include "engine/tensor/matmul_flops.hpp"
#include "engine/tensor/random.hpp"
#include "models/contrastive.hpp"
#include "models/vit.hpp"
#include "nn/optim.hpp"
#include "tests/support/tensors.hpp"

using engine::DType;
using engine::Tensor;
using engine::Var;

BOOST_AUTO_TEST_SUITE(steps)

namespace {

struct Setup {
  explicit Setup(DType type,
                 const models::VitConfig& config =
                     {.image_size = 16, .patch = 8, .width = 24, .depth = 2, .heads = 2, .embedding = 16},
                 std::int64_t batch = 6)
      : dtype(type),
        vit(config),
        model(vit.model(), nn::initial_params(vit.layout(), 1, type)),
        theta(model.theta0() + 0.05 * nn::initial_params(vit.layout(), 2, type)) {
    engine::Random random(3);
    images = tests::random_tensor({batch, 3, config.image_size, config.image_size}, random, 1.0, type);
    head = tests::random_tensor({5, vit.features()}, random, 3.0, type);
    std::vector<std::int64_t> classes;
    for (std::int64_t b = 0; b < batch; ++b) classes.push_back(random.index(5));
    labels = Tensor::from<std::int64_t>(classes, {batch});
    loss = [this](const Var& features, const Tensor& y) {
      return cross_entropy(linear(l2_normalize(features), head), y);
    };
  }

  nn::StepResult step(bool tangent, const nn::ParamTree& at, int threads = 1, std::int64_t shard = 4) const {
    engine::ShardPool pool(threads);
    const nn::Shards shards{pool, shard};
    return tangent ? nn::tangent_step(model, at, images, labels, loss, shards)
                   : nn::standard_step(vit.model(), at, images, labels, loss, shards);
  }

  DType dtype;
  models::Vit vit;
  nn::TangentModel model;
  nn::ParamTree theta;
  Tensor images = Tensor::zeros({});
  Tensor labels = Tensor::zeros({});
  Tensor head = Tensor::zeros({});
  nn::Loss loss;
};

std::int64_t flops_of(const std::function<void()>& work) {
  const std::int64_t before = engine::matmul_flops();
  work();
  return engine::matmul_flops() - before;
}

}  // namespace

BOOST_AUTO_TEST_CASE(gradients_equal_differences_of_the_loss) {
  const Setup setup(DType::f64);
  for (const bool tangent : {false, true}) {
    const nn::StepResult result = setup.step(tangent, setup.theta);
    for (const std::uint64_t seed : {10, 11, 12}) {
      const nn::ParamTree v = nn::initial_params(setup.vit.layout(), seed, DType::f64);
      const double h = 1e-5;
      const double difference =
          (setup.step(tangent, setup.theta + h * v).loss - setup.step(tangent, setup.theta + (-h) * v).loss) / (2 * h);
      BOOST_CHECK_SMALL((dot(result.gradient, v) - difference) / (1.0 + std::abs(difference)),
                        1e-7);  // truncation h², rounding 1e-16/h
    }
  }
}

BOOST_AUTO_TEST_CASE(an_optimizer_refuses_another_models_trees) {
  const Setup setup(DType::f64);
  const models::Vit other({.image_size = 16, .patch = 8, .width = 8, .depth = 1, .heads = 1, .embedding = 8});
  nn::AdamW optimizer(other.layout(), {}, DType::f64);
  nn::ParamTree theta = setup.theta;
  engine::ShardPool pool(1);
  BOOST_CHECK_THROW(optimizer.step(theta, setup.theta, pool), engine::ShapeError);
}

BOOST_AUTO_TEST_CASE(both_steps_agree_at_the_pretrained_weights) {
  const Setup setup(DType::f64);
  const nn::StepResult standard = setup.step(false, setup.model.theta0());
  const nn::StepResult tangent = setup.step(true, setup.model.theta0());
  BOOST_CHECK_CLOSE(standard.loss, tangent.loss, 1e-12);
  tests::check_close(standard.gradient.flat(), tangent.gradient.flat(), 1e-13, "gradient");
}

BOOST_AUTO_TEST_CASE(the_linearised_model_is_affine) {
  const Setup setup(DType::f64);
  const nn::TangentRecording recording = setup.model.record(setup.images);
  const nn::ParamTree a = setup.theta - setup.model.theta0();
  const nn::ParamTree b = nn::initial_params(setup.vit.layout(), 5, DType::f64);
  const Tensor sum = recording.push(a + 0.3 * b);
  tests::check_close(sum, add(recording.push(a), scale(recording.push(b), 0.3)).tensor(), 1e-13, "J(a + 0.3 b)");
  tests::check_close(recording.push(0.0 * a), Tensor::zeros(sum.shape(), DType::f64), 0.0, "J 0");
}

BOOST_AUTO_TEST_CASE(the_push_of_a_difference_makes_no_copy_of_all_weights) {
  const Setup setup(DType::f32);
  const nn::TangentRecording recording = setup.model.record(setup.images.slice(0, 0, 1));
  const auto peak_of = [](const std::function<Tensor()>& push) {
    const std::int64_t before = engine::memory_stats().live_bytes;
    engine::reset_peak_memory();
    const Tensor pushed = push();
    return std::pair(pushed, engine::memory_stats().peak_bytes - before);
  };
  const auto [whole, with_copy] = peak_of([&] { return recording.push(setup.theta - setup.model.theta0()); });
  const auto [by_parts, without] =
      peak_of([&] { return recording.push_difference(setup.theta, setup.model.theta0()); });
  tests::check_same_bits(by_parts, whole, "J (theta - theta0)");
  const std::int64_t weights = 4 * setup.vit.layout()->numel();
  BOOST_CHECK_LT(without + weights / 2, with_copy);
}

BOOST_AUTO_TEST_CASE(frozen_parameters_have_no_derivative_and_no_product_is_for_them) {
  const Setup setup(DType::f64);
  const auto& layout = setup.vit.layout();
  const auto only = [&](const nn::ParamTree& tree, const nn::ParamSubset& subset) {
    nn::ParamTree part(layout, DType::f64);
    for (const auto& [begin, end] : subset.ranges())
      std::copy_n(tree.flat().data<double>() + begin, end - begin, part.writable().data<double>() + begin);
    return part;
  };
  const nn::TangentRecording whole = setup.model.record(setup.images);
  const nn::ParamTree all = whole.pull(whole.primal());
  const nn::ParamTree v = nn::initial_params(layout, 5, DType::f64);
  const std::int64_t cost = flops_of([&] { setup.model.record(setup.images).pull(whole.primal()); });
  for (const std::vector<std::string>& parts : {std::vector<std::string>{"attn"},
                                                {"mlp", "proj"},
                                                {"resblocks.1"},
                                                {"conv1"},
                                                {"ln_post", "class_embedding"}}) {
    const nn::ParamSubset subset(layout, parts);
    const nn::TangentModel frozen(nn::freeze(setup.vit.model(), setup.model.theta0(), subset), setup.model.theta0());
    const nn::TangentRecording recording = frozen.record(setup.images);
    tests::check_same_bits(recording.primal(), whole.primal(), "f");
    tests::check_close(recording.pull(recording.primal()).flat(), only(all, subset).flat(), 1e-14, "J^T u");
    tests::check_close(recording.push(v), whole.push(only(v, subset)), 1e-14, "J v");
    BOOST_CHECK_LT(flops_of([&] { frozen.record(setup.images).pull(whole.primal()); }), cost);
  }
  // Of the projection alone: the products of one forward pass, and one for its gradient.
  const std::vector<std::string> projection{"proj"};
  const nn::TangentModel last(nn::freeze(setup.vit.model(), setup.model.theta0(), nn::ParamSubset(layout, projection)),
                              setup.model.theta0());
  const std::int64_t unit = flops_of([&] { setup.vit(nn::Params(setup.theta), setup.images); });
  BOOST_CHECK_EQUAL(flops_of([&] { last.record(setup.images).pull(whole.primal()); }),
                    unit + 2 * setup.images.shape()[0] * 24 * setup.vit.features());
  BOOST_CHECK_THROW(nn::freeze(setup.vit.model(), Setup(DType::f64).theta, nn::ParamSubset(layout, {})),
                    engine::ShapeError);
  const nn::ParamTree moved = only(v, nn::ParamSubset(layout, projection));
  BOOST_CHECK_EQUAL(nn::ParamSubset::moved_by(moved).ranges().size(), 1u);
  BOOST_CHECK(nn::ParamSubset::moved_by(moved).contains(layout->find("proj")));
  BOOST_CHECK(nn::ParamSubset::moved_by(nn::ParamTree(layout)).ranges().empty());
  const nn::ParamSubset everything(layout, {});
  BOOST_CHECK(everything.contains_all());
  BOOST_CHECK_EQUAL(everything.ranges().size(), 1u);
}

BOOST_AUTO_TEST_CASE(a_subset_is_chosen_by_whole_parts_of_names) {
  const Setup setup(DType::f32);
  const auto& layout = setup.vit.layout();
  const auto names = [&](const std::vector<std::string>& parts) {
    const nn::ParamSubset subset(layout, parts);
    std::vector<std::string> chosen;
    for (std::uint32_t index = 0; index < layout->entries().size(); ++index) {
      if (subset.contains({index})) chosen.push_back(layout->entries()[index].name);
    }
    return chosen;
  };
  BOOST_CHECK(names({"proj"}) == std::vector<std::string>{"proj"});
  BOOST_CHECK((names({"1.attn.out_proj", "ln_pre.weight"}) ==
               std::vector<std::string>{"ln_pre.weight", "transformer.resblocks.1.attn.out_proj.weight",
                                        "transformer.resblocks.1.attn.out_proj.bias"}));
  BOOST_CHECK_EQUAL(names({}).size(), layout->entries().size());
  const auto refused = [&](const std::string& wrong, const std::string& hint) {
    BOOST_CHECK_EXCEPTION(names({"attn", wrong}), engine::NameError, [&](const std::exception& error) {
      return std::string(error.what()).ends_with("'" + wrong + "'; " + hint);
    });
  };
  refused("atn", "nearest: 'attn'.");
  refused("attn.", "nearest: 'attn'.");
  refused("transformer.resblocks.2", "nearest: 'transformer.resblocks.0'.");
  for (const std::string far : {"", "foo"}) {
    refused(far,
            "parts are attn, bias, c_fc, c_proj, class_embedding, conv1, in_proj_bias, in_proj_weight, ln_1, ln_2, "
            "ln_post, ln_pre, mlp, out_proj, positional_embedding, proj, resblocks, transformer, weight.");
  }
}

BOOST_AUTO_TEST_CASE(an_optimizer_leaves_the_parameters_that_it_does_not_train) {
  const Setup setup(DType::f64);
  const auto& layout = setup.vit.layout();
  engine::ShardPool pool(2);
  const auto stepped = [&](nn::AdamW optimizer) {
    nn::ParamTree theta = setup.theta;
    for (int step = 0; step < 2; ++step) optimizer.step(theta, setup.model.theta0(), pool);
    return tests::values_of(theta.flat());
  };
  const nn::AdamWOptions options{.lr = 1e-2, .weight_decay = 0.1};
  const std::vector<double> before = tests::values_of(setup.theta.flat());
  const std::vector<double> all = stepped({layout, options, DType::f64});
  const std::vector<std::string> parts{"mlp", "proj"};
  const nn::ParamSubset subset(layout, parts);
  const std::vector<double> some = stepped({subset, options, DType::f64});
  for (std::uint32_t index = 0; index < layout->entries().size(); ++index) {
    const nn::Layout::Entry& entry = layout->entries()[index];
    const std::vector<double>& expected = subset.contains({index}) ? all : before;
    BOOST_CHECK_MESSAGE(std::equal(some.begin() + entry.offset, some.begin() + entry.offset + entry.shape.numel(),
                                   expected.begin() + entry.offset),
                        entry.name);
  }
}

BOOST_AUTO_TEST_CASE(a_standard_step_costs_three_units_and_a_tangent_step_five) {
  const Setup setup(DType::f32);
  const Tensor& images = setup.images;
  const std::int64_t unit = flops_of([&] { setup.vit(nn::Params(setup.theta), images); });
  // The first layer has no tangent of its input and needs no cotangent of it: one product less in push and in pull.
  const std::int64_t tokens = images.shape()[0] * 4;
  const std::int64_t first = 2 * tokens * (3 * 8 * 8) * 24;
  BOOST_CHECK_EQUAL(flops_of([&] { setup.model.record(images); }), unit);
  const nn::TangentRecording recording = setup.model.record(images);
  const nn::ParamTree tau = setup.theta - setup.model.theta0();
  BOOST_CHECK_EQUAL(flops_of([&] { recording.push(tau); }), 2 * unit - first);
  BOOST_CHECK_EQUAL(flops_of([&] { recording.pull(recording.primal()); }), 2 * unit - first);
  const std::vector<nn::ParamTree> eight(8, tau);
  BOOST_CHECK_EQUAL(flops_of([&] { setup.model.stream(images, eight); }), 17 * unit - 8 * first);
  // The head's own products: logits forwards, and one pull to the features, since its weights are frozen.
  const std::int64_t head = 2 * (2 * images.shape()[0] * setup.vit.features() * 5);
  BOOST_CHECK_EQUAL(flops_of([&] { setup.step(false, setup.theta); }), 3 * unit - first + head);
  BOOST_CHECK_EQUAL(flops_of([&] { setup.step(true, setup.theta); }), 5 * unit - 2 * first + head);
}

BOOST_AUTO_TEST_CASE(a_tangent_step_needs_little_more_memory_than_a_standard_step) {
  const Setup setup(DType::f32, {.image_size = 32, .patch = 8, .width = 96, .depth = 3, .heads = 3, .embedding = 256},
                    64);
  const auto peak_of = [&](bool tangent) {
    setup.step(tangent, setup.theta, 1, 32);
    const std::int64_t before = engine::memory_stats().live_bytes;
    engine::reset_peak_memory();
    setup.step(tangent, setup.theta, 1, 32);
    return static_cast<double>(engine::memory_stats().peak_bytes - before);
  };
  const double ratio = peak_of(true) / peak_of(false);
  BOOST_TEST_MESSAGE("peak of a tangent step / of a standard step: " << ratio);
  BOOST_CHECK_LE(ratio, 1.2);
}

BOOST_AUTO_TEST_CASE(steps_after_the_first_take_nothing_from_the_system) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  BOOST_TEST_MESSAGE("skipped: under sanitizers every block comes from the system");
#else
  const Setup setup(DType::f32);
  engine::ShardPool pool(1);
  const nn::Shards shards{pool, 4};
  const auto both = [&] {
    nn::standard_step(setup.vit.model(), setup.theta, setup.images, setup.labels, setup.loss, shards);
    nn::tangent_step(setup.model, setup.theta, setup.images, setup.labels, setup.loss, shards);
  };
  both();
  const std::int64_t requests = engine::memory_stats().system_requests;
  const std::int64_t live = engine::memory_stats().live_bytes;
  for (int i = 0; i < 20; ++i) both();
  BOOST_CHECK_EQUAL(engine::memory_stats().system_requests, requests);
  BOOST_CHECK_EQUAL(engine::memory_stats().live_bytes, live);
#endif
}

BOOST_AUTO_TEST_CASE(any_number_of_threads_gives_the_same_bits) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    const Setup setup(dtype, {.image_size = 16, .patch = 8, .width = 24, .depth = 2, .heads = 2, .embedding = 16}, 23);
    for (const bool tangent : {false, true}) {
      for (const std::int64_t shard : {1, 3, 4, 7, 23}) {  // the last of them is of 1, 2, 3, 2 and 23 images
        const nn::StepResult one = setup.step(tangent, setup.theta, 1, shard);
        for (const int threads : {2, 5}) {
          const nn::StepResult several = setup.step(tangent, setup.theta, threads, shard);
          BOOST_CHECK_EQUAL(one.loss, several.loss);
          tests::check_same_bits(
              one.gradient.flat(), several.gradient.flat(),
              "gradient of shards of " + std::to_string(shard) + " on " + std::to_string(threads) + " threads");
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(contrastive_gradients_equal_differences_of_the_loss) {
  engine::Random random(4);
  const Tensor features = tests::random_tensor({5, 8}, random, 1.0, DType::f32);
  const Tensor texts = l2_normalize(tests::random_tensor({4, 8}, random, 1.0, DType::f32)).tensor();
  const std::vector<std::int64_t> captions{0, 2, 2, 3, 0};  // caption 1 does not occur
  const models::ContrastiveLoss at = models::contrastive_loss(features, texts, captions, 1.0);
  const Tensor v = tests::random_tensor({5, 8}, random, 1.0, DType::f32);
  const double h = 1e-2;  // f32: rounding 1e-7/h against truncation h²
  const auto loss_at = [&](double step) {
    return models::contrastive_loss(add(features, scale(v, step)).tensor(), texts, captions, 1.0).loss;
  };
  BOOST_CHECK_SMALL(dot(at.features_bar, v).tensor().item() - (loss_at(h) - loss_at(-h)) / (2 * h), 2e-3);
  const double by_scale = (models::contrastive_loss(features, texts, captions, 1.0 + h).loss -
                           models::contrastive_loss(features, texts, captions, 1.0 - h).loss) /
                          (2 * h);
  BOOST_CHECK_SMALL(at.logit_scale_bar - by_scale, 2e-3);
}

BOOST_AUTO_TEST_CASE(captions_that_do_not_exist_are_named) {
  const Tensor features = Tensor::full({2, 3}, 1.0);
  const Tensor texts = Tensor::full({4, 3}, 1.0);
  for (const std::int64_t missing : {-1, 4}) {
    const std::vector<std::int64_t> captions{3, missing};
    BOOST_CHECK_EXCEPTION(models::contrastive_loss(features, texts, captions, 1.0), std::invalid_argument,
                          [&](const std::invalid_argument& error) {
                            return error.what() ==
                                   "[contrastive_loss] needs captions in 0 .. 3; got " + std::to_string(missing) + ".";
                          });
  }
}

BOOST_AUTO_TEST_CASE(contrastive_loss_of_one_caption_each_is_the_symmetric_cross_entropy) {
  // Two images, two captions, cosines the identity matrix, scale 1: both directions are log(1 + e^-1).
  const Tensor features = Tensor::from<float>({2, 0, 0, 3}, {2, 2});
  const Tensor texts = Tensor::from<float>({1, 0, 0, 1}, {2, 2});
  const std::vector<std::int64_t> captions{0, 1};
  BOOST_CHECK_CLOSE(models::contrastive_loss(features, texts, captions, 0.0).loss, std::log(1.0 + std::exp(-1.0)),
                    1e-4);
}

BOOST_AUTO_TEST_SUITE_END()
