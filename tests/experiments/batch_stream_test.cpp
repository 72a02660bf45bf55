// Training fed by a stream of batches: the same bits as without, errors at the step they belong to, no thread left over.
#include "experiments/common/batch_stream.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "datasets/file_dataset.hpp"
#include "datasets/image.hpp"
#include "experiments/common/interrupt.hpp"
#include "experiments/common/training_loop.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/support/tensors.hpp"
#include "tests/support/threads.hpp"

using datasets::Batch;
using datasets::Loader;
using experiments::BatchStream;
using tests::running_threads;
using tests::TemporaryDirectory;
using tests::threads_fall_to;

BOOST_AUTO_TEST_SUITE(batch_stream)

namespace {

constexpr std::int64_t kImages = 23;

std::filesystem::path file_of(const TemporaryDirectory& directory, std::int64_t index) {
  return directory.path() / (std::to_string(index) + ".png");
}

// Pictures of 6 x 5 in files, in images of 4 x 4.
std::shared_ptr<const datasets::Dataset> picture_files(const TemporaryDirectory& directory) {
  std::vector<datasets::LabelledFile> files;
  for (std::int64_t i = 0; i < kImages; ++i) {
    std::vector<std::uint8_t> rgb;
    for (std::int64_t value = 0; value < 6 * 5 * 3; ++value)
      rgb.push_back(static_cast<std::uint8_t>((i * 11 + value * value * 7) % 256));
    datasets::write_png(file_of(directory, i), 5, 6, rgb);
    files.push_back({file_of(directory, i), i % 3});
  }
  return std::make_shared<const datasets::FileDataset>(files, std::vector<std::string>{"a", "b", "c"}, 4);
}

void check_same_batch(const Batch& a, const Batch& b) {
  BOOST_CHECK(a.indices == b.indices);
  tests::check_same_bits(a.images, b.images, "images");
  tests::check_same_bits(a.labels, b.labels, "labels");
}

// A training run whose loss is the sum of the values it is shown.
void train(const Loader& loader, int threads, std::int64_t steps, std::vector<double>& losses) {
  const auto step = [](std::int64_t, const Batch& batch) {
    const float* const values = batch.images.data<float>();
    double sum = 0.0;
    for (std::int64_t i = 0; i < batch.images.numel(); ++i) sum += static_cast<double>(values[i]);
    return sum;
  };
  experiments::run({.label = "test",
                    .steps = steps,
                    .batch = 5,
                    .loader = loader,
                    .threads = threads,
                    .step = step,
                    .save = [](const std::vector<double>&) {}},
                   losses);
}

}  // namespace

BOOST_AUTO_TEST_CASE(batches_are_those_of_the_loader_whoever_makes_them) {
  const TemporaryDirectory directory;
  const auto set = picture_files(directory);
  for (const bool random_crop : {false, true}) {
    const Loader loader(set, {.batch_size = 5, .seed = 8, .random_crop = random_crop});
    const std::int64_t batches = loader.batches_per_epoch();
    BOOST_REQUIRE_EQUAL(batches, 5);
    for (const int threads : {1, 2, 5}) {
      for (const std::int64_t begin : {0, 7}) {  // 7: a run that goes on in the second epoch
        BatchStream stream(loader, begin, 17, threads);
        for (std::int64_t step = begin; step < 17; ++step)
          check_same_batch(stream.next(), loader.batch(step / batches, step % batches));
        BOOST_CHECK_THROW(stream.next(), std::logic_error);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(a_batch_in_the_trainers_hands_is_never_written_to) {
  const TemporaryDirectory directory;
  const Loader loader(picture_files(directory), {.batch_size = 1, .seed = 8});
  BatchStream stream(loader, 0, 60, 2);
  std::vector<Batch> held;
  for (int i = 0; i < 60; ++i) held.push_back(stream.next());
  for (std::int64_t i = 0; i < 60; ++i)
    check_same_batch(held[static_cast<std::size_t>(i)], loader.batch(i / kImages, i % kImages));
}

BOOST_AUTO_TEST_CASE(training_is_the_same_for_any_number_of_threads_and_from_any_step) {
  const TemporaryDirectory directory;
  const Loader loader(picture_files(directory), {.batch_size = 5, .seed = 9, .random_crop = true});
  std::vector<double> expected;
  train(loader, 1, 14, expected);
  BOOST_REQUIRE_EQUAL(expected.size(), 14u);
  for (const int threads : {2, 5}) {
    std::vector<double> losses;
    train(loader, threads, 14, losses);
    BOOST_CHECK(losses == expected);
    losses.resize(6);
    train(loader, threads, 14, losses);
    BOOST_CHECK(losses == expected);
    train(loader, threads, 14, losses);  // nothing is left to do
    BOOST_CHECK(losses == expected);
  }
}

BOOST_AUTO_TEST_CASE(a_damaged_file_stops_training_at_its_own_step_and_is_named) {
  const TemporaryDirectory directory;
  const auto set = picture_files(directory);
  std::filesystem::resize_file(file_of(directory, 16), 30);
  std::filesystem::resize_file(file_of(directory, 19), 30);
  const Loader loader(set, {.batch_size = 5, .shuffle = false});
  const std::ptrdiff_t before = running_threads();
  for (const int threads : {1, 2, 5}) {
    std::vector<double> losses;
    BOOST_CHECK_EXCEPTION(train(loader, threads, 50, losses), std::runtime_error, [&](const std::runtime_error& error) {
      const std::string message = error.what();
      BOOST_TEST_MESSAGE(message);
      return message.find(file_of(directory, 16)) != std::string::npos;
    });
    BOOST_CHECK_EQUAL(losses.size(), 3u);  // steps 0, 1 and 2 do not see it
    losses.clear();
    BOOST_CHECK_NO_THROW(train(loader, threads, 3, losses));
  }
  BOOST_CHECK(threads_fall_to(before));
}

BOOST_AUTO_TEST_CASE(a_stream_that_is_left_leaves_no_thread) {
  const TemporaryDirectory directory;
  const Loader loader(picture_files(directory), {.batch_size = 5});
  const std::ptrdiff_t before = running_threads();
  { BatchStream stream(loader, 0, 1000, 5); }
  {
    BatchStream stream(loader, 0, 1000, 5);
    stream.next();
  }
  experiments::interrupt_after(2);
  std::vector<double> losses;
  BOOST_CHECK_THROW(train(loader, 5, 1000, losses), experiments::Interrupted);
  experiments::reset_interrupt();
  BOOST_CHECK_EQUAL(losses.size(), 2u);
  BOOST_CHECK(threads_fall_to(before));
}

BOOST_AUTO_TEST_SUITE_END()
