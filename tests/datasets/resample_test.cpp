// Resizing and random crops against Pillow, torchvision and torch, bit for bit.
#include "datasets/resample.hpp"

#include <zlib.h>

#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <fstream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include "datasets/loader.hpp"
#include "datasets/memory_dataset.hpp"
#include "datasets/normalised.hpp"
#include "datasets/random_crop.hpp"
#include "datasets/reference_split.hpp"
#include "datasets/subset.hpp"
#include "models/clip_preprocessing.hpp"

BOOST_AUTO_TEST_SUITE(resample)

namespace {

using datasets::Box;
using datasets::Picture;

template <typename Value>
std::uint32_t crc_of(const std::vector<Value>& values) {
  return static_cast<std::uint32_t>(
      crc32(0, reinterpret_cast<const Bytef*>(values.data()), static_cast<uInt>(values.size() * sizeof(Value))));
}

// `picture` of tests/golden/make_pictures.py: kind 0 noise, 1 noise of 0 and 255, 2 a smooth gradient.
std::uint8_t pixel(const std::uint32_t kind, const std::uint32_t seed, const std::uint32_t height,
                   const std::uint32_t width, const std::uint32_t y, const std::uint32_t x, const std::uint32_t c) {
  if (kind == 2) return static_cast<std::uint8_t>(x * 255 / width + y * 100 / height + 40 * c + seed);
  std::uint32_t bits = x * 73856093u ^ y * 19349663u ^ c * 83492791u ^ seed * 2971215073u;
  for (int round = 0; round < 2; ++round) bits = (bits ^ bits >> 15) * 2246822519u;
  const auto noise = static_cast<std::uint8_t>(bits >> 24);
  return kind == 0 ? noise : noise > 127 ? 255 : 0;
}

Picture drawn(const std::int64_t height, const std::int64_t width, const auto& value) {
  Picture picture{height, width, {}};
  for (std::uint32_t y = 0; y < height; ++y) {
    for (std::uint32_t x = 0; x < width; ++x) {
      for (std::uint32_t c = 0; c < 3; ++c) picture.rgb.push_back(static_cast<std::uint8_t>(value(y, x, c)));
    }
  }
  return picture;
}

Picture quadratic(const std::int64_t height, const std::int64_t width) {
  return drawn(height, width, [](const std::uint32_t y, const std::uint32_t x, const std::uint32_t c) {
    return 7 * x * x + 13 * y + 31 * x * y + 50 * c;
  });
}

bool operator==(const Box& a, const Box& b) {
  return std::tie(a.top, a.left, a.height, a.width) == std::tie(b.top, b.left, b.height, b.width);
}

}  // namespace

BOOST_AUTO_TEST_CASE(random_sizes_equal_pillow_to_the_bit) {
  std::ifstream cases(std::string(TANGENT_GOLDEN_DIR) + "/resize.txt");
  int count = 0;
  for (std::string line; std::getline(cases, line); ++count) {
    std::istringstream words(line);
    std::uint32_t kind = 0, seed = 0, height = 0, width = 0, crc = 0;
    std::int64_t new_height = 0, new_width = 0;
    words >> kind >> seed >> height >> width >> new_height >> new_width >> std::hex >> crc;
    BOOST_REQUIRE(words);
    const Picture picture =
        drawn(height, width, [&](const std::uint32_t y, const std::uint32_t x, const std::uint32_t c) {
          return pixel(kind, seed, height, width, y, x, c);
        });
    const Picture made = new_width == 0 ? datasets::resize_and_crop(picture, new_height)
                                        : datasets::resize(picture, new_height, new_width);
    BOOST_CHECK_MESSAGE(crc_of(made.rgb) == crc, "differs from Pillow: " << line);
  }
  BOOST_CHECK_EQUAL(count, 360);
}

BOOST_AUTO_TEST_CASE(published_vectors_of_pillow_hold) {
  const Picture shrunk = datasets::resize(quadratic(20, 30), 8, 12);
  BOOST_CHECK_EQUAL(crc_of(shrunk.rgb), 0x195c1924u);
  BOOST_CHECK_EQUAL(int{shrunk.rgb[0]}, 41);
  BOOST_CHECK_EQUAL(int{shrunk.rgb[1]}, 95);
  BOOST_CHECK_EQUAL(int{shrunk.rgb[2]}, 132);
  BOOST_CHECK_EQUAL(crc_of(datasets::resize(quadratic(5, 7), 16, 22).rgb), 0x06b40a4fu);
  BOOST_CHECK_EQUAL(crc_of(datasets::resize(quadratic(100, 37), 605, 224).rgb), 0x0f58723du);
  BOOST_CHECK_EQUAL(crc_of(datasets::resize_and_crop(quadratic(375, 500), 224).rgb), 0x40bdb7f6u);
  BOOST_CHECK_EQUAL(crc_of(datasets::resize_and_crop(quadratic(300, 401), 224).rgb), 0xb372a1aau);
  BOOST_CHECK_EQUAL(crc_of(datasets::resize_and_crop(quadratic(28, 28), 224).rgb), 0x03d6c35bu);

  const std::vector<int> row = {0, 255, 10, 200, 30, 60, 90, 255};
  const Picture strip = drawn(1, 8, [&](std::uint32_t, const std::uint32_t x, std::uint32_t) { return row[x]; });
  const std::vector<int> five = {105, 116, 107, 49, 193};
  const Picture made = datasets::resize(strip, 1, 5);
  for (std::size_t i = 0; i < five.size(); ++i) BOOST_CHECK_EQUAL(int{made.rgb[3 * i]}, five[i]);
}

BOOST_AUTO_TEST_CASE(images_are_normalised_as_clip_wants_them) {
  const Picture picture = datasets::resize_and_crop(quadratic(375, 500), 224);
  std::vector<std::uint8_t> planes;
  for (std::size_t c = 0; c < 3; ++c) {
    for (std::size_t i = c; i < picture.rgb.size(); i += 3) planes.push_back(picture.rgb[i]);
  }
  const auto set = std::make_shared<const datasets::MemoryDataset>(planes, 224, std::vector<std::int64_t>{0},
                                                                   std::vector<std::string>{"quadratic"});
  const models::ClipPreprocessing clip;
  const auto normalised =
      std::make_shared<const datasets::Normalised>(set, datasets::Normalisation{clip.mean, clip.deviation});
  const engine::Tensor images = datasets::load_range(datasets::Subset(normalised, {0}), 0, 1).images;
  BOOST_CHECK_CLOSE(images.data<float>()[0], -0.4638057f, 1e-4);  // of seven digits
  BOOST_CHECK_CLOSE(images.data<float>()[3 * 224 * 224 - 1], 0.2119681f, 1e-4);
  const engine::Tensor batch = datasets::Loader(normalised, {.batch_size = 1}).batch(0, 0).images;
  BOOST_CHECK_EQUAL(batch.data<float>()[0], images.data<float>()[0]);
  BOOST_CHECK_THROW(datasets::Normalised(set, {{0, 0, 0}, {1, 0, 1}}), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(part_of_a_resized_picture_is_that_part) {
  const Picture picture = quadratic(41, 29);
  for (const auto& [height, width] : {std::pair<std::int64_t, std::int64_t>{90, 70}, {13, 11}}) {
    const Box box{3, 2, 9, 8};
    BOOST_CHECK(datasets::resize_part(picture, height, width, box).rgb ==
                datasets::crop(datasets::resize(picture, height, width), box).rgb);
  }
  BOOST_CHECK(datasets::resize_and_crop(quadratic(9, 9), 9).rgb == quadratic(9, 9).rgb);
}

BOOST_AUTO_TEST_CASE(longest_strips_need_no_memory_for_what_is_cut_off) {
  const Picture strip = quadratic(1, 1'000'000);  // resized whole, it would be 224 x 224 000 000
  const Picture made = datasets::resize_and_crop(strip, 224);
  BOOST_CHECK_EQUAL(made.rgb.size(), 224u * 224u * 3u);
}

BOOST_AUTO_TEST_CASE(planes_are_the_bytes_over_255) {
  std::vector<float> chw(3 * 4);
  datasets::to_planes(quadratic(2, 2), chw);
  BOOST_CHECK_EQUAL(chw[1], 7.0f / 255.0f);        // red, right of the first
  BOOST_CHECK_EQUAL(chw[4 + 2], 63.0f / 255.0f);   // green, below the first
  BOOST_CHECK_EQUAL(chw[8 + 3], 151.0f / 255.0f);  // blue, the last
  std::vector<float> wrong(11);
  BOOST_CHECK_THROW(datasets::to_planes(quadratic(2, 2), wrong), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(boxes_that_leave_the_picture_are_refused) {
  const Picture picture = quadratic(5, 4);
  for (const Box& box : {Box{0, 0, 6, 4}, Box{0, 0, 5, 5}, Box{-1, 0, 2, 2}, Box{0, 3, 2, 2}, Box{0, 0, 0, 4}}) {
    BOOST_CHECK_THROW(datasets::crop(picture, box), std::invalid_argument);
    BOOST_CHECK_THROW(datasets::resize_part(picture, 5, 4, box), std::invalid_argument);
  }
  BOOST_CHECK_THROW(datasets::resize(picture, 0, 4), std::invalid_argument);
  BOOST_CHECK_THROW(datasets::resize_and_crop(picture, 0), std::invalid_argument);
  BOOST_CHECK_THROW(datasets::resize_and_crop(Picture{}, 4), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(crops_are_those_of_torchvision) {
  datasets::TorchRandom random(0);
  for (const Box& expected : {Box{0, 0, 375, 500}, Box{4, 12, 369, 473}, Box{8, 11, 367, 470}}) {
    BOOST_CHECK(datasets::draw_crop(375, 500, random) == expected);
  }
  for (int i = 0; i < 20; ++i) {  // wider than 40 : 27 no try can succeed
    BOOST_CHECK((datasets::draw_crop(400, 600, random) == Box{0, 33, 400, 533}));
    BOOST_CHECK((datasets::draw_crop(600, 400, random) == Box{33, 0, 533, 400}));
  }
  BOOST_CHECK_THROW(datasets::draw_crop(0, 4, random), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(random_crops_depend_on_seed_epoch_and_index_alone) {
  const Picture picture = quadratic(40, 44);
  const auto view = [&](const std::uint64_t seed, const std::int64_t epoch, const std::int64_t index) {
    return datasets::random_resized_crop(picture, 16, seed, epoch, index).rgb;
  };
  BOOST_CHECK(view(1, 2, 3) == view(1, 2, 3));
  BOOST_CHECK_EQUAL(view(1, 2, 3).size(), 16u * 16u * 3u);
  BOOST_CHECK(view(1, 2, 3) != view(2, 2, 3));
  BOOST_CHECK(view(1, 2, 3) != view(1, 3, 3));
  BOOST_CHECK(view(1, 2, 3) != view(1, 2, 4));
}

BOOST_AUTO_TEST_CASE(splits_are_those_of_the_reference_code) {
  struct Known {
    std::int64_t count;
    std::int64_t validation;
    std::vector<std::int64_t> first_train;
    std::vector<std::int64_t> first_validation;
    std::uint32_t crc;  // of the permutation as u32
  };
  const Known kKnown[] = {
      {8144, 814, {1836, 5427, 7021, 2812}, {4911, 3784, 4704, 3953}, 0xc37971fc},                         // Cars
      {3760, 376, {3324, 3133, 895, 2671}, {180, 750, 2533, 48}, 0xb6cad5bc},                              // DTD
      {26640, 2664, {2204, 12703, 7241, 25590}, {25972, 1985, 19003, 1806}, 0xd594a34c},                   // GTSRB
      {60000, 5000, {36044, 10678, 57327, 55074}, {30102, 43764, 35133, 50409}, 0x7641ac11},               // MNIST
      {18900, 1890, {3644, 4869, 15117, 5124}, {12209, 6361, 1107, 10597}, 0x0da29d21},                    // RESISC45
      {19850, 1985, {8094, 18520, 18607, 7169}, {13972, 5988, 5694, 8151}, 0xc4d141dd},                    // SUN397
      {73257, 5000, {18812, 16192, 59530, 20763}, {46097, 42966, 60224, 30972}, 0x96312579},               // SVHN
      {1281167, 5000, {1069931, 571398, 762430, 399643}, {335994, 1095469, 1134031, 766140}, 0xde80c382},  // ImageNet
      {50000, 5000, {36044}, {19260}, 0x06062aad},                                                         // CIFAR
      {5000, 500, {1044}, {3964}, 0xe529a40a}};                                                            // STL-10
  for (const Known& known : kKnown) {
    const datasets::ReferenceSplit split = datasets::reference_split(known.count);
    BOOST_REQUIRE_EQUAL(split.validation.size(), static_cast<std::size_t>(known.validation));
    std::vector<std::uint32_t> permutation;
    for (const std::int64_t index : split.train) permutation.push_back(static_cast<std::uint32_t>(index));
    for (const std::int64_t index : split.validation) permutation.push_back(static_cast<std::uint32_t>(index));
    BOOST_CHECK_EQUAL(crc_of(permutation), known.crc);
    BOOST_CHECK(std::equal(known.first_train.begin(), known.first_train.end(), split.train.begin()));
    BOOST_CHECK(std::equal(known.first_validation.begin(), known.first_validation.end(), split.validation.begin()));
  }
  const std::vector<std::int64_t> ten = {4, 1, 7, 5, 3, 9, 0, 8, 6, 2};
  BOOST_CHECK(datasets::torch_permutation(10, 0) == ten);
  BOOST_CHECK(datasets::torch_permutation(0, 0).empty());
  BOOST_CHECK_THROW(datasets::torch_permutation(-1, 0), std::invalid_argument);
}

BOOST_AUTO_TEST_SUITE_END()
