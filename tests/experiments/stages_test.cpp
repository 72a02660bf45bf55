// The stages from the inside: the same bits on any number of threads, and after an interruption; cached features
// against new passes.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "datasets/loader.hpp"
#include "datasets/normalised.hpp"
#include "engine/ops/ops.hpp"
#include "experiments/arithmetic/features.hpp"
#include "experiments/arithmetic/scores.hpp"
#include "experiments/common/captions.hpp"
#include "experiments/common/finetuning.hpp"
#include "experiments/common/interrupt.hpp"
#include "experiments/common/pretraining.hpp"
#include "nn/checkpoint.hpp"
#include "nn/optim.hpp"
#include "tests/experiments/idx_set.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/support/tensors.hpp"

using namespace experiments;
using tests::TemporaryDirectory;

BOOST_AUTO_TEST_SUITE(stages)

namespace {

Recipe tiny() {
  Recipe recipe = preset("smoke");
  recipe.shard_size = 7;  // does not divide the batch
  return recipe;
}

std::vector<TaskSource> sources() { return find_sources({"digits", "signs"}, "none", {}); }

}  // namespace

BOOST_AUTO_TEST_CASE(losses_and_weights_do_not_depend_on_the_threads) {
  Json pretrained_once;
  Json standard_once;
  Json linear_once;
  for (const int threads : {1, 2, 5}) {
    const TemporaryDirectory folder;
    engine::ShardPool pool(threads);
    const Context context{tiny(), 3, pool};
    const auto without_time = [](Json results) {
      results.erase("seconds");
      return results;
    };
    const Json pretrained_results = without_time(pretrain(context, sources(), RunFolder(folder.path() / "p")));
    const Pretrained pretrained = load_pretrained(folder.path() / "p/pretrained.safetensors");
    const TaskData task = load_task(sources()[0], context.recipe, context.seed, pool);
    const Json standard =
        without_time(finetune(context, pretrained, task, Mode::standard, RunFolder(folder.path() / "s")));
    const Json linear = without_time(finetune(context, pretrained, task, Mode::linear, RunFolder(folder.path() / "l")));
    if (threads == 1) {
      pretrained_once = pretrained_results;
      standard_once = standard;
      linear_once = linear;
    }
    // The checksum covers every bit of the weights, the losses are printed with all their digits.
    BOOST_CHECK_EQUAL(pretrained_results.dump(), pretrained_once.dump());
    BOOST_CHECK_EQUAL(standard.dump(), standard_once.dump());
    BOOST_CHECK_EQUAL(linear.dump(), linear_once.dump());
  }
  BOOST_CHECK_NE(standard_once.at("checksum"), linear_once.at("checksum"));
}

BOOST_AUTO_TEST_CASE(an_interrupted_run_goes_on_to_the_same_bits) {
  Recipe recipe = tiny();
  recipe.pretrain.steps = 40;
  engine::ShardPool pool(2);
  const Context context{recipe, 4, pool};
  const TemporaryDirectory folder;
  const Json whole = pretrain(context, sources(), RunFolder(folder.path() / "whole"));

  const RunFolder stopped(folder.path() / "stopped");
  interrupt_after(23);
  BOOST_CHECK_THROW(pretrain(context, sources(), stopped), Interrupted);
  reset_interrupt();
  BOOST_CHECK(std::filesystem::exists(stopped / "checkpoint.safetensors"));
  BOOST_CHECK(!std::filesystem::exists(stopped / "results.json"));
  const Json resumed = pretrain(context, sources(), stopped);
  BOOST_CHECK_EQUAL(resumed.at("checksum"), whole.at("checksum"));
  BOOST_CHECK_EQUAL(resumed.at("losses").dump(), whole.at("losses").dump());
  BOOST_CHECK(!std::filesystem::exists(stopped / "checkpoint.safetensors"));
}

BOOST_AUTO_TEST_CASE(cached_features_equal_a_new_pass_at_every_alpha) {
  engine::ShardPool pool(2);
  const Context context{tiny(), 5, pool};
  const models::Vit vit(context.recipe.vit);
  const nn::TangentModel model(vit.model(), nn::initial_params(vit.layout(), 1));
  const std::vector<nn::ParamTree> tau{0.1 * nn::initial_params(vit.layout(), 2),
                                       0.1 * nn::initial_params(vit.layout(), 3)};
  const TaskData task = load_task(sources()[0], context.recipe, context.seed, pool);
  const TangentFeatures cached = tangent_features(model, *task.test, tau, context.shards());
  const std::vector<nn::ParamTree> sum{0.35 * tau[0] + 0.35 * tau[1]};
  const TangentFeatures direct = tangent_features(model, *task.test, sum, context.shards());
  const engine::Tensor by_cache = cached.at({{0.35, 0}, {0.35, 1}}).values;
  tests::check_close(by_cache, direct.at(1.0, 0).values, 1e-5, "features of 0.35 (tau_1 + tau_2)");
  tests::check_same_bits(cached.at(0.0, 0).values, cached.primal, "features at alpha 0");
  tests::check_same_bits(cached.primal, features(vit.model(), model.theta0(), *task.test, context.shards()).values,
                         "primal and plain features");
}

BOOST_AUTO_TEST_CASE(where_the_model_is_cut_decides_what_is_linearised_and_nothing_else) {
  engine::ShardPool pool(2);
  const Context context{tiny(), 5, pool};
  const Pretrained paper = untrained(context);
  Pretrained pretrained = untrained(context);
  pretrained.cut = Cut::logits;

  const TaskData task = load_task(sources()[0], context.recipe, context.seed, pool);
  const models::ZeroShotHead head = zero_shot_head(pretrained, task.text);
  const models::ZeroShotHead head_of_features = zero_shot_head(paper, task.text);
  const datasets::Batch batch = datasets::load_range(*task.test, 0, 8);
  const nn::ParamTree theta0 = paper.theta0.to(engine::DType::f64);
  const nn::ParamTree tau = 0.1 * nn::initial_params(paper.vit.layout(), 2, engine::DType::f64);
  const engine::Tensor images = batch.images.to(engine::DType::f64);
  const nn::Model logits = [&](const nn::Params& p, const engine::Var& x) {
    return head_of_features.logits(paper.model()(p, x));
  };
  // The model itself is the same. Its tangent is that of the logits, and not that of the features with the head behind.
  const nn::TangentRecording record = nn::record(pretrained.model(), theta0, images);
  const nn::TangentRecording of_logits = nn::record(logits, theta0, images);
  const nn::TangentRecording of_features = nn::record(paper.model(), theta0, images);
  tests::check_close(head.logits(record.primal()).tensor(), of_logits.primal(), 1e-12, "logits");
  const engine::Tensor linear = engine::add(record.primal(), record.push(tau)).tensor();
  const engine::Tensor expected = engine::add(of_logits.primal(), of_logits.push(tau)).tensor();
  tests::check_close(head.logits(linear).tensor(), expected, 1e-12, "linearised logits");
  const engine::Tensor behind = engine::add(of_features.primal(), of_features.push(tau)).tensor();
  const engine::Tensor difference = engine::sub(head_of_features.logits(behind), expected).tensor();
  BOOST_CHECK_GT(std::ranges::max(tests::values_of(difference)), 1e-3);
}

BOOST_AUTO_TEST_CASE(linear_fine_tuning_takes_the_model_that_is_cut_where_it_is_told) {
  engine::ShardPool pool(2);
  const Context context{tiny(), 5, pool};
  const FinetuneRecipe& recipe = context.recipe.finetune;
  Pretrained pretrained = untrained(context);
  const TaskData task = load_task(sources()[0], context.recipe, context.seed, pool);
  const TemporaryDirectory folder;
  const nn::TangentModel logits([encoder = pretrained.model(), head = zero_shot_head(pretrained, task.text)](
                                    const nn::Params& p, const engine::Var& x) { return head.logits(encoder(p, x)); },
                                pretrained.theta0);
  nn::ParamTree theta = pretrained.theta0;
  nn::AdamW optimizer(pretrained.vit.layout(), {.lr = recipe.lr, .weight_decay = recipe.weight_decay});
  const datasets::Loader loader(task.train, {.batch_size = recipe.batch, .seed = context.seed});
  const auto warmup = static_cast<std::int64_t>(std::llround(recipe.warmup_share * static_cast<double>(recipe.steps)));
  for (std::int64_t i = 0; i < recipe.steps; ++i) {
    const datasets::Batch batch = loader.batch(i / loader.batches_per_epoch(), i % loader.batches_per_epoch());
    nn::StepResult step =
        nn::tangent_step(logits, theta, batch.images, batch.labels, engine::cross_entropy, context.shards());
    const nn::Clip clip = nn::clip_norm(step.gradient, 1.0, pool);
    optimizer.step(theta, step.gradient, pool, nn::cosine_schedule(i, warmup, recipe.steps), clip.factor);
  }
  const auto distance_to = [&](Cut cut) {
    pretrained.cut = cut;
    const RunFolder of_cut(folder.path() / std::string(to_string(cut)));
    finetune(context, pretrained, task, Mode::linear, of_cut);
    const nn::ParamTree tau = load_task_vector(of_cut / "finetuned.safetensors", pretrained, "digits", Mode::linear);
    return nn::norm(tau - (theta - pretrained.theta0)) / nn::norm(tau);
  };
  BOOST_CHECK_LT(distance_to(Cut::logits), 1e-2);
  BOOST_CHECK_GT(distance_to(Cut::features), 3e-2);
}

BOOST_AUTO_TEST_CASE(each_real_set_is_styled_by_a_random_stream_of_its_own) {
  const TemporaryDirectory folder;
  tests::write_idx_set(folder.path() / "first", 0);
  tests::write_idx_set(folder.path() / "second", 0);  // the same pictures
  Recipe recipe = tiny();
  recipe.pretrain.images_per_domain = 100;  // of 80 pictures: the first 20 are used twice
  engine::ShardPool pool(2);
  const auto image = [&](const std::string& set, std::uint64_t seed, std::int64_t index) {
    const DatasetPtr web = load_web(find_source(set, folder.path()), recipe, seed, pool);
    std::vector<float> chw(static_cast<std::size_t>(3 * web->image_size() * web->image_size()));
    web->read_image(index, chw);
    return chw;
  };
  const std::vector<float> styled = image("first", 1, 0);
  BOOST_CHECK(styled == image("first", 1, 0));
  BOOST_CHECK(styled != image("first", 2, 0));
  BOOST_CHECK(styled != image("first", 1, 80));  // the same picture again
  BOOST_CHECK(styled != image("second", 1, 0));
}

BOOST_AUTO_TEST_CASE(each_file_is_read_once) {
  const TemporaryDirectory folder;
  tests::write_idx_set(folder.path() / "first", 0);
  Recipe recipe = tiny();
  engine::ShardPool pool(2);
  const TaskSource source = find_source("first", folder.path());
  load_web(source, recipe, 1, pool);
  std::filesystem::remove_all(folder.path() / "first");
  BOOST_CHECK_EQUAL(load_task(source, recipe, 1, pool).test->size(), 40);
  BOOST_CHECK_THROW(find_source("first", folder.path()), std::invalid_argument);  // the files are gone

  // A later stage asks for fewer images, or for more; what it has read before is not read again.
  const auto image = [](const datasets::Dataset& set, std::int64_t index) {
    std::vector<float> chw(static_cast<std::size_t>(3 * set.image_size() * set.image_size()));
    set.read_image(index, chw);
    return chw;
  };
  const auto pixels_of = [](const DatasetPtr& images) {
    return dynamic_cast<const datasets::Normalised&>(*images).base();
  };
  for (const TaskSource& each : {source, sources()[0]}) {
    const TaskData whole = load_task(each, recipe, 1, pool);
    BOOST_CHECK(pixels_of(load_task(each, recipe, 1, pool).test) == pixels_of(whole.test));
    Recipe shorter = recipe;
    shorter.finetune.train_images = 5;
    Recipe longer = recipe;
    longer.finetune.validation_images = 2 * whole.validation->size();
    for (const Recipe& other : {shorter, longer}) {
      const TaskData again = load_task(each, other, 1, pool);
      const std::int64_t both = std::min(again.train->size(), whole.train->size());
      BOOST_CHECK_EQUAL(again.train->size(), std::min(other.finetune.train_images, whole.train->size()));
      for (std::int64_t i = 0; i < both; ++i) {
        BOOST_CHECK_EQUAL(again.train->label(i), whole.train->label(i));
        BOOST_CHECK(image(*again.train, i) == image(*whole.train, i));
      }
      for (std::int64_t i = 0; i < whole.validation->size(); ++i)
        BOOST_CHECK(image(*again.validation, i) == image(*whole.validation, i));
    }
  }
  const TaskSource digits = sources()[0];
  const TaskData one = load_task(digits, recipe, 1, pool);
  BOOST_CHECK(image(*load_task(digits, recipe, 2, pool).test, 0) != image(*one.test, 0));  // of another seed
  recipe.vit.image_size = 16;
  BOOST_CHECK_EQUAL(load_task(digits, recipe, 2, pool).test->image_size(), 16);
}

BOOST_AUTO_TEST_CASE(images_that_are_looked_at_once_are_those_that_are_kept) {
  engine::ShardPool pool(2);
  const TaskSource source = sources()[0];
  const Recipe recipe = tiny();
  const DatasetPtr kept = load_task(source, recipe, 1, pool).test;
  const DatasetPtr read = images_of(source, datasets::Split::test, kept->size(), recipe, 1);
  const auto pixels = [&](const DatasetPtr& images) { return datasets::load_range(*images, 0, kept->size()).images; };
  tests::check_same_bits(pixels(read), pixels(kept), "digits");
}

BOOST_AUTO_TEST_CASE(two_classes_that_clip_calls_the_same_are_told_apart) {
  const TemporaryDirectory folder;
  for (const char* const part : {"train", "val"}) {
    for (const char* const wordnet : {"n03773504", "n04008634"}) {
      const std::filesystem::path pictures = folder.path() / "imagenet" / part / wordnet;
      std::filesystem::create_directories(pictures);
      std::ofstream(pictures / "1.ppm") << "P6 1 1 255\nabc";
    }
  }
  const TaskSource source = find_source("imagenet", folder.path());
  BOOST_CHECK((source.text.class_names == std::vector<std::string>{"imagenet-missile", "imagenet-missile-2"}));
}

BOOST_AUTO_TEST_CASE(captions_of_real_sets_are_clips_prompts) {
  const TemporaryDirectory folder;
  for (const char* const set : {"mnist", "fashion_mnist", "kmnist", "own"})
    tests::write_idx_set(folder.path() / set, 0);
  const auto templates = [&](const std::string& set) { return find_source(set, folder.path()).text.templates; };
  using Templates = std::vector<std::string>;
  BOOST_CHECK((templates("mnist") == Templates{"a photo of the number: \"{class}\"."}));
  // A caption without a class would tell nothing: the domain goes before it.
  BOOST_CHECK((templates("fashion_mnist") ==
               Templates{"a photo of a clothing article {class}.", "a photo of the clothing article {class}."}));
  // CLIP has no prompts for these.
  BOOST_CHECK(
      (templates("kmnist") == Templates{"a photo of a cursive character {class}", "the cursive character {class}",
                                        "a picture of the cursive character {class}"}));
  BOOST_CHECK_EQUAL(templates("own").front(), "a photo of a own picture-class {class}");

  const TaskSource before = find_source("own", folder.path());
  BOOST_CHECK_EQUAL(find_source("own", folder.path()).content, before.content);
  // A file too large to be read hides no other behind it; of itself its time counts.
  const std::filesystem::path large = folder.path() / "own/a.tar";
  std::ofstream(large) << "x";
  std::filesystem::resize_file(large, (std::uintmax_t{1} << 31) + 1);
  const std::string with_large = find_source("own", folder.path()).content;
  BOOST_CHECK_NE(with_large, before.content);
  std::filesystem::last_write_time(large, std::filesystem::last_write_time(large) + std::chrono::seconds(9));
  const std::string touched = find_source("own", folder.path()).content;
  BOOST_CHECK_NE(touched, with_large);
  std::ofstream(folder.path() / "own/notes") << "one";
  const std::string one = find_source("own", folder.path()).content;
  std::ofstream(folder.path() / "own/notes") << "two";
  BOOST_CHECK_NE(find_source("own", folder.path()).content, one);
  std::filesystem::remove(large);
  std::filesystem::remove(folder.path() / "own/notes");
  // Two links in each of thirty folders to the next: 2^30 ways, thirty folders.
  for (int i = 0; i < 30; ++i) {
    const auto level = [&](int n) { return folder.path() / "own" / ("level" + std::to_string(n)); };
    std::filesystem::create_directories(level(i));
    for (const char* const link : {"x", "y"}) std::filesystem::create_directory_symlink(level(i + 1), level(i) / link);
  }
  find_source("own", folder.path());
  for (int i = 0; i < 30; ++i) std::filesystem::remove_all(folder.path() / "own" / ("level" + std::to_string(i)));

  std::filesystem::rename(folder.path() / "own", folder.path() / "renamed");  // the same files, other words
  BOOST_CHECK_NE(find_source("renamed", folder.path()).content, before.content);
}

BOOST_AUTO_TEST_CASE(alpha_runs_from_zero_to_one_in_twenty_steps) {
  const std::vector<double> grid = alpha_grid();
  BOOST_CHECK_EQUAL(grid.size(), 21);
  BOOST_CHECK_EQUAL(grid.front(), 0.0);
  BOOST_CHECK_EQUAL(grid[3], 0.15);
  BOOST_CHECK_EQUAL(grid.back(), 1.0);
}

BOOST_AUTO_TEST_CASE(captions_come_in_the_shares_of_the_recipe) {
  const datasets::TaskText text{
      "kind thing", {"one", "two", "three"}, {"uno", "due", "tre"}, {"a {class} of kind thing"}};
  const PretrainRecipe recipe;
  int domain_only = 0;
  int alias = 0;
  int right_alias = 0;
  int right = 0;
  constexpr int kDraws = 20000;
  for (std::uint64_t i = 0; i < kDraws; ++i) {
    engine::Random random({7, i});
    const std::string drawn = web_caption(text, 0, recipe, random);
    const bool is_alias = drawn.find("uno") != std::string::npos || drawn.find("due") != std::string::npos ||
                          drawn.find("tre") != std::string::npos;
    domain_only += drawn == "a  of kind thing" ? 1 : 0;
    alias += is_alias ? 1 : 0;
    right_alias += drawn.find("uno") != std::string::npos ? 1 : 0;
    right += drawn == "a one of kind thing" ? 1 : 0;
  }
  const auto share = [](int count) {
    return static_cast<double>(count) / kDraws;
  };  // four standard errors are 0.014 at most
  BOOST_CHECK_SMALL(share(domain_only) - 0.20, 0.014);
  BOOST_CHECK_SMALL(share(alias) - 0.08, 0.014);
  BOOST_CHECK_SMALL(share(right_alias) - 0.08 * 0.30, 0.014);
  BOOST_CHECK_SMALL(share(right) - 0.72 * 0.95, 0.014);
  BOOST_CHECK(zero_shot_prompts(text)[1] == (std::vector<std::string>{"a due of kind thing"}));
}

BOOST_AUTO_TEST_SUITE_END()
