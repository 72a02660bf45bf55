// From data sets to batches: bytes in memory, subsets, and batches that depend on (seed, epoch, position) alone.
#include "datasets/loader.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "datasets/file_dataset.hpp"
#include "datasets/image.hpp"
#include "datasets/memory_dataset.hpp"
#include "datasets/normalised.hpp"
#include "datasets/pixel_dataset.hpp"
#include "datasets/random_crop.hpp"
#include "datasets/subset.hpp"
#include "engine/parallel/shards.hpp"
#include "tests/support/check_error.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/support/tensors.hpp"

BOOST_AUTO_TEST_SUITE(loader)

namespace {

using datasets::Batch;
using datasets::Dataset;
using datasets::load_range;
using datasets::Loader;
using datasets::LoaderOptions;
using datasets::materialise;
using datasets::MemoryDataset;
using datasets::Subset;

constexpr std::int64_t kImageSize = 2;
constexpr std::size_t kValues = 12;

// Image i holds the bytes i, i + 1, ... i + 11 and has the label i mod 3.
std::shared_ptr<const Dataset> counting(const std::int64_t count) {
  std::vector<std::uint8_t> pixels;
  std::vector<std::int64_t> labels;
  for (std::int64_t i = 0; i < count; ++i) {
    for (std::size_t value = 0; value < kValues; ++value)
      pixels.push_back(static_cast<std::uint8_t>(i + static_cast<std::int64_t>(value)));
    labels.push_back(i % 3);
  }
  return std::make_shared<const MemoryDataset>(pixels, kImageSize, labels, std::vector<std::string>{"a", "b", "c"});
}

// Values that are no bytes, some outside [0, 1].
class Slanted final : public Dataset {
 public:
  std::int64_t size() const override { return 200; }
  std::int64_t image_size() const override { return kImageSize; }
  std::span<const std::string> class_names() const override { return names_; }
  std::int64_t label(const std::int64_t index) const override { return index % 2; }
  void read_image(const std::int64_t index, const std::span<float> chw) const override {
    std::ranges::fill(chw, static_cast<float>(index) / 199.0f);
    chw[0] = -0.5f;
    chw[1] = 1.5f;
    chw[2] = std::numeric_limits<float>::quiet_NaN();
  }

 private:
  std::vector<std::string> names_ = {"even", "odd"};
};

std::vector<std::int64_t> epoch_indices(const Loader& loader, const std::int64_t epoch) {
  std::vector<std::int64_t> all;
  for (std::int64_t position = 0; position < loader.batches_per_epoch(); ++position) {
    const Batch batch = loader.batch(epoch, position);
    all.insert(all.end(), batch.indices.begin(), batch.indices.end());
  }
  return all;
}

std::vector<std::int64_t> sorted(std::vector<std::int64_t> values) {
  std::ranges::sort(values);
  return values;
}

std::vector<std::int64_t> first_numbers(const std::int64_t count) {
  std::vector<std::int64_t> numbers;
  for (std::int64_t i = 0; i < count; ++i) numbers.push_back(i);
  return numbers;
}

// 30 pictures of 12 x 10 as their file would have them, in images of 8 x 8.
std::shared_ptr<const Dataset> speckled() {
  constexpr std::int64_t kHeight = 12;
  constexpr std::int64_t kWidth = 10;
  constexpr std::int64_t kCount = 30;
  engine::Random random({77});
  std::vector<std::uint8_t> bytes;
  for (std::int64_t i = 0; i < kCount * kHeight * kWidth * 3; ++i)
    bytes.push_back(static_cast<std::uint8_t>(random.index(256)));
  const datasets::PixelLayout layout{.height = kHeight,
                                     .width = kWidth,
                                     .picture_bytes = kHeight * kWidth * 3,
                                     .row_bytes = kWidth * 3,
                                     .column_bytes = 3,
                                     .channel_bytes = 1};
  return std::make_shared<const datasets::PixelDataset>(bytes, layout, std::vector<std::int64_t>(kCount, 0),
                                                        std::vector<std::string>{"speckles"}, 8);
}

// Its images 3 and 4 cannot be read, which are in different blocks of a thread's work.
class Broken final : public Dataset {
 public:
  std::int64_t size() const override { return 10; }
  std::int64_t image_size() const override { return kImageSize; }
  std::span<const std::string> class_names() const override { return names_; }
  std::int64_t label(const std::int64_t) const override { return 0; }
  void read_image(const std::int64_t index, const std::span<float> chw) const override {
    if (index == 3 || index == 4) throw std::runtime_error("image " + std::to_string(index));
    std::ranges::fill(chw, 0.0f);
  }

 private:
  std::vector<std::string> names_ = {"any"};
};

datasets::ForEach on(engine::ShardPool& pool) {
  return [&pool](const std::int64_t count, const std::function<void(std::int64_t)>& body) { pool.run(count, body); };
}

void check_same_batch(const Batch& a, const Batch& b) {
  BOOST_CHECK(a.indices == b.indices);
  tests::check_same_bits(a.images, b.images, "images");
  tests::check_same_bits(a.labels, b.labels, "labels");
}

}  // namespace

BOOST_AUTO_TEST_CASE(batch_holds_normalised_images_and_their_labels) {
  const Batch batch = load_range(*counting(5), 1, 4);
  BOOST_CHECK(batch.indices == (std::vector<std::int64_t>{1, 2, 3}));
  BOOST_CHECK_EQUAL(engine::describe(batch.images), "f32 [3, 3, 2, 2]");
  tests::check_same_bits(batch.labels, engine::Tensor::from<std::int64_t>({1, 2, 0}, {3}), "labels");
  const float* const values = batch.images.data<float>();
  for (std::size_t i = 0; i < 3 * kValues; ++i) {
    const auto byte = static_cast<float>(1 + i / kValues + i % kValues);
    BOOST_CHECK_EQUAL(values[i], (byte / 255.0f - 0.5f) / 0.25f);
  }
}

BOOST_AUTO_TEST_CASE(range_must_lie_within_the_set) {
  const auto set = counting(5);
  BOOST_CHECK_EQUAL(load_range(*set, 5, 5).images.shape()[0], 0);
  BOOST_CHECK_THROW(load_range(*set, -1, 2), std::invalid_argument);
  BOOST_CHECK_THROW(load_range(*set, 3, 2), std::invalid_argument);
  BOOST_CHECK_THROW(load_range(*set, 3, 6), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(epoch_shows_every_image_once_in_an_order_of_its_own) {
  const Loader loader(counting(100), {.batch_size = 32, .seed = 5});
  BOOST_CHECK_EQUAL(loader.batches_per_epoch(), 4);
  BOOST_CHECK_EQUAL(loader.batch(0, 3).images.shape()[0], 4);
  const std::vector<std::int64_t> first = epoch_indices(loader, 0);
  const std::vector<std::int64_t> second = epoch_indices(loader, 1);
  BOOST_CHECK(sorted(first) == first_numbers(100));
  BOOST_CHECK(sorted(second) == first_numbers(100));
  BOOST_CHECK(first != first_numbers(100));
  BOOST_CHECK(first != second);
  BOOST_CHECK(first != epoch_indices(Loader(counting(100), {.batch_size = 32, .seed = 6}), 0));
}

BOOST_AUTO_TEST_CASE(batch_depends_on_seed_epoch_and_position_only) {
  const LoaderOptions options = {.batch_size = 7, .seed = 3};
  const Loader straight(counting(50), options);
  std::vector<Batch> expected;
  for (std::int64_t epoch = 0; epoch < 3; ++epoch) {
    for (std::int64_t position = 0; position < 8; ++position) expected.push_back(straight.batch(epoch, position));
  }
  const Loader resumed(counting(50), options);
  check_same_batch(resumed.batch(2, 5), expected[21]);
  check_same_batch(resumed.batch(0, 0), expected[0]);
  check_same_batch(resumed.batch(1, 7), expected[15]);
  // another batch size cuts the same order elsewhere
  BOOST_CHECK(epoch_indices(Loader(counting(50), {.batch_size = 50, .seed = 3}), 2) == epoch_indices(straight, 2));
}

BOOST_AUTO_TEST_CASE(several_threads_may_ask_at_once) {
  const Loader loader(counting(60), {.batch_size = 10, .seed = 9});
  const std::vector<std::int64_t> first = epoch_indices(loader, 0);
  const std::vector<std::int64_t> second = epoch_indices(loader, 1);
  std::vector<std::vector<std::int64_t>> found(4);
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < found.size(); ++i) {
      threads.emplace_back([&, i] {
        for (int repeat = 0; repeat < 20; ++repeat) found[i] = epoch_indices(loader, static_cast<std::int64_t>(i % 2));
      });
    }
  }
  for (std::size_t i = 0; i < found.size(); ++i) BOOST_CHECK(found[i] == (i % 2 == 0 ? first : second));
}

BOOST_AUTO_TEST_CASE(
    shuffle_is_not_biased) {  // each image at each place: 1200 expected, deviation 33, so 5 sigma = 165
  constexpr std::int64_t kEpochs = 6000;
  const Loader loader(counting(5), {.batch_size = 5, .seed = 1});
  std::vector<std::int64_t> times(25, 0);
  for (std::int64_t epoch = 0; epoch < kEpochs; ++epoch) {
    const std::vector<std::int64_t> indices = loader.batch(epoch, 0).indices;
    for (std::size_t place = 0; place < 5; ++place) ++times[place * 5 + static_cast<std::size_t>(indices[place])];
  }
  for (const std::int64_t count : times) BOOST_CHECK_LT(std::abs(count - kEpochs / 5), 165);
}

BOOST_AUTO_TEST_CASE(order_is_kept_without_shuffle_and_the_rest_can_be_dropped) {
  const Loader loader(counting(10), {.batch_size = 4, .shuffle = false, .drop_last = true});
  BOOST_CHECK_EQUAL(loader.batches_per_epoch(), 2);
  BOOST_CHECK(epoch_indices(loader, 3) == first_numbers(8));
  const Loader exact(counting(8), {.batch_size = 4, .shuffle = false});
  BOOST_CHECK_EQUAL(exact.batches_per_epoch(), 2);
  check_same_batch(exact.batch(0, 1), load_range(*counting(8), 4, 8));
  const Loader one(counting(3), {.batch_size = std::numeric_limits<std::int64_t>::max()});
  BOOST_CHECK_EQUAL(one.batch(0, 0).indices.size(), 3u);
}

BOOST_AUTO_TEST_CASE(batch_does_not_depend_on_who_makes_it) {
  for (const bool random_crop : {false, true}) {
    const Loader loader(speckled(), {.batch_size = 13, .seed = 2, .random_crop = random_crop});
    for (const int threads : {1, 2, 5}) {
      engine::ShardPool pool(threads);
      for (std::int64_t position = 0; position < 3; ++position)
        check_same_batch(loader.batch(1, position, on(pool)), loader.batch(1, position));
    }
  }
}

BOOST_AUTO_TEST_CASE(first_image_that_cannot_be_read_is_named_by_any_number_of_threads) {
  const Loader loader(std::make_shared<const Broken>(), {.batch_size = 10, .shuffle = false});
  for (const int threads : {1, 2, 5}) {
    engine::ShardPool pool(threads);
    BOOST_CHECK_EXCEPTION(loader.batch(0, 0, on(pool)), std::runtime_error,
                          [](const std::runtime_error& error) { return std::string(error.what()) == "image 3"; });
  }
}

BOOST_AUTO_TEST_CASE(random_crops_are_cut_from_the_picture_by_seed_epoch_and_image_alone) {
  const datasets::Normalisation as_it_is{{0.0f, 0.0f, 0.0f}, {1.0f, 1.0f, 1.0f}};
  const std::shared_ptr<const Dataset> set = std::make_shared<const datasets::Normalised>(speckled(), as_it_is);
  const auto loader = [&](const std::uint64_t seed, const std::int64_t batch_size) {
    return Loader(set, {.batch_size = batch_size, .seed = seed, .random_crop = true});
  };
  const Loader by_seven = loader(6, 7);
  for (std::int64_t position = 0; position < by_seven.batches_per_epoch(); ++position) {
    const Batch batch = by_seven.batch(4, position);
    for (std::size_t i = 0; i < batch.indices.size(); ++i) {  // wherever in the epoch the image comes
      const std::int64_t index = batch.indices[i];
      std::vector<float> expected(3 * 8 * 8);
      datasets::to_planes(datasets::random_resized_crop(set->read_picture(index), 8, 6, 4, index), expected);
      const float* const image = batch.images.data<float>() + i * expected.size();
      BOOST_CHECK(std::equal(expected.begin(), expected.end(), image));
    }
  }
  const auto ordered = [&](const std::uint64_t seed, const std::int64_t epoch, const bool random_crop) {
    return Loader(set, {.batch_size = 30, .seed = seed, .shuffle = false, .random_crop = random_crop})
        .batch(epoch, 0)
        .images;
  };
  tests::check_same_bits(ordered(6, 4, true), ordered(6, 4, true), "the same views");
  const auto equal = [](const engine::Tensor& a, const engine::Tensor& b) {
    return std::equal(a.data<float>(), a.data<float>() + a.numel(), b.data<float>());
  };
  BOOST_CHECK(!equal(ordered(6, 4, true), ordered(6, 5, true)));
  BOOST_CHECK(!equal(ordered(6, 4, true), ordered(7, 4, true)));
  BOOST_CHECK(!equal(ordered(6, 4, true), ordered(6, 4, false)));
  tests::check_same_bits(ordered(6, 4, false), ordered(7, 5, false), "without crops");
}

BOOST_AUTO_TEST_CASE(pictures_are_handed_through_views_and_made_of_squares) {
  const std::shared_ptr<const Dataset> set = speckled();
  BOOST_CHECK_EQUAL(set->read_picture(3).height, 12);
  BOOST_CHECK(Subset(set, {5, 3}).read_picture(1).rgb == set->read_picture(3).rgb);
  const datasets::Picture square = materialise(*set)->read_picture(3);
  BOOST_CHECK_EQUAL(square.height, 8);
  BOOST_CHECK(square.rgb == datasets::resize_and_crop(set->read_picture(3), 8).rgb);
  BOOST_CHECK_THROW(set->read_picture(30), std::out_of_range);

  const tests::TemporaryDirectory directory;
  const std::filesystem::path file = directory.path() / "a.png";
  const std::vector<std::uint8_t> rgb = set->read_picture(0).rgb;
  datasets::write_png(file, 10, 12, rgb);
  const datasets::FileDataset files({{file, 0}}, {"a"}, 8);
  BOOST_CHECK(files.read_picture(0).rgb == rgb);
  std::filesystem::resize_file(file, 40);
  BOOST_CHECK_EXCEPTION(files.read_picture(0), std::runtime_error, [&](const std::runtime_error& error) {
    return std::string(error.what()).find(file) != std::string::npos;
  });
}

BOOST_AUTO_TEST_CASE(loader_mistakes_are_invalid_arguments) {
  BOOST_CHECK_THROW(Loader(nullptr, {}), std::invalid_argument);
  BOOST_CHECK_THROW(Loader(counting(0), {}), std::invalid_argument);
  BOOST_CHECK_THROW(Loader(counting(3), {.batch_size = 0}), std::invalid_argument);
  BOOST_CHECK_THROW(Loader(counting(3), {.batch_size = 4, .drop_last = true}), std::invalid_argument);
  const Loader loader(counting(3), {.batch_size = 2});
  BOOST_CHECK_THROW(loader.batch(-1, 0), std::invalid_argument);
  BOOST_CHECK_THROW(loader.batch(0, -1), std::invalid_argument);
  BOOST_CHECK_THROW(loader.batch(0, 2), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(materialised_images_are_the_nearest_bytes) {
  const Slanted source;
  const auto copy = materialise(source);
  BOOST_REQUIRE_EQUAL(copy->size(), 200);
  BOOST_CHECK(std::ranges::equal(copy->class_names(), source.class_names()));
  std::vector<float> chw(kValues);
  for (std::int64_t index = 0; index < copy->size(); ++index) {
    copy->read_image(index, chw);
    BOOST_CHECK_EQUAL(copy->label(index), index % 2);
    BOOST_CHECK_EQUAL(chw[0], 0.0f);
    BOOST_CHECK_EQUAL(chw[1], 1.0f);
    BOOST_CHECK_EQUAL(chw[2], 0.0f);
    BOOST_CHECK_LE(std::abs(chw[3] - static_cast<float>(index) / 199.0f), 0.5001f / 255.0f);
  }
}

BOOST_AUTO_TEST_CASE(materialising_bytes_changes_nothing) {
  const auto set = counting(256);
  check_same_batch(load_range(*materialise(*set), 0, 256), load_range(*set, 0, 256));
}

BOOST_AUTO_TEST_CASE(materialising_does_not_depend_on_the_runner) {
  const auto two_threads = [](const std::int64_t count, const std::function<void(std::int64_t)>& body) {
    const auto half = [&](const std::int64_t first) {
      for (std::int64_t i = count - 1; i >= 0; --i) {
        if (i % 2 == first) body(i);
      }
    };
    const std::jthread odd([&] { half(1); });
    half(0);
  };
  const Slanted source;
  check_same_batch(load_range(*materialise(source, two_threads), 0, 200), load_range(*materialise(source), 0, 200));
}

BOOST_AUTO_TEST_CASE(sets_that_do_not_fit_in_memory_give_the_same_bits) {
  const auto source = std::make_shared<const Slanted>();
  constexpr std::int64_t kBytes = 200 * static_cast<std::int64_t>(kValues);
  const auto kept = datasets::in_memory(source, datasets::serial, kBytes);
  const auto read_again = datasets::in_memory(source, datasets::serial, kBytes - 1);
  BOOST_CHECK(dynamic_cast<const MemoryDataset*>(kept.get()) != nullptr);
  BOOST_CHECK(dynamic_cast<const MemoryDataset*>(read_again.get()) == nullptr);
  check_same_batch(load_range(*kept, 0, 200), load_range(*materialise(*source), 0, 200));
  check_same_batch(load_range(*read_again, 0, 200), load_range(*kept, 0, 200));
  BOOST_CHECK(std::ranges::equal(read_again->class_names(), source->class_names()));
  BOOST_CHECK(read_again->read_picture(7).rgb == kept->read_picture(7).rgb);
  BOOST_CHECK_THROW(datasets::in_memory(nullptr), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(memory_dataset_must_be_consistent) {
  const std::vector<std::string> names = {"a"};
  const std::vector<std::uint8_t> bytes(kValues);
  BOOST_CHECK_NO_THROW(MemoryDataset(bytes, 2, {0}, names));
  BOOST_CHECK_THROW(MemoryDataset(bytes, 2, {0, 0}, names), std::invalid_argument);
  BOOST_CHECK_THROW(MemoryDataset(bytes, 3, {0}, names), std::invalid_argument);
  BOOST_CHECK_THROW(MemoryDataset({}, 0, {0}, names), std::invalid_argument);
  BOOST_CHECK_THROW(MemoryDataset(bytes, 2, {1}, names), std::invalid_argument);
  BOOST_CHECK_THROW(MemoryDataset(bytes, 2, {-1}, names), std::invalid_argument);
  const MemoryDataset set(bytes, 2, {0}, names);
  std::vector<float> chw(kValues);
  BOOST_CHECK_THROW(set.read_image(1, chw), std::out_of_range);
  BOOST_CHECK_THROW(set.label(-1), std::out_of_range);
  BOOST_CHECK_THROW(set.read_image(0, std::span(chw).first(11)), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(subset_shows_the_chosen_images_in_the_order_given) {
  const auto base = counting(10);
  const Subset subset(base, {7, 0, 7});
  BOOST_CHECK_EQUAL(subset.size(), 3);
  const Batch chosen = load_range(subset, 0, 3);
  tests::check_same_bits(chosen.images.slice(0, 0, 1), load_range(*base, 7, 8).images, "image 7");
  tests::check_same_bits(chosen.images.slice(0, 1, 2), load_range(*base, 0, 1).images, "image 0");
  tests::check_same_bits(chosen.labels, engine::Tensor::from<std::int64_t>({1, 0, 1}, {3}), "labels");
  BOOST_CHECK_EQUAL(subset.class_names().size(), 3u);
  BOOST_CHECK_THROW(subset.label(3), std::out_of_range);
  BOOST_CHECK_THROW(Subset(base, {10}), std::invalid_argument);
  BOOST_CHECK_THROW(Subset(base, {-1}), std::invalid_argument);
  BOOST_CHECK_THROW(Subset(nullptr, {}), std::invalid_argument);
  BOOST_CHECK_EQUAL(Subset(base, {}).size(), 0);
}

BOOST_AUTO_TEST_CASE(picture_is_written_whole_or_not_at_all) {
  const tests::TemporaryDirectory directory;
  const std::filesystem::path path = directory.path() / "sheet.png";
  const std::vector<std::uint8_t> rgb(3 * 4 * 5, 128);
  datasets::write_png(path, 4, 5, rgb);
  BOOST_CHECK_EQUAL(tests::bytes_of_file(path).substr(0, 8), "\x89PNG\r\n\x1A\n");
  BOOST_CHECK_EQUAL(directory.file_count(), 1u);
  // stb counts all bytes in int; the pixels are looked at only if their number is right.
  BOOST_CHECK_THROW(datasets::write_png(path, 37'870, 37'870, rgb), std::invalid_argument);
  const std::filesystem::path nowhere = directory.path() / "missing" / "sheet.png";
  tests::check_error([&] { datasets::write_png(nowhere, 4, 5, rgb); }, "[write_png] " + nowhere.string(),
                     "create the folder");
}

BOOST_AUTO_TEST_SUITE_END()
