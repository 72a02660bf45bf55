// Sets found by name: the real ones against what Pillow, numpy and scipy read (tests/golden/make_real_sets.py), and the
// words that go with them.
#include "datasets/registry.hpp"

#include <zlib.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "datasets/image.hpp"
#include "tests/support/check_error.hpp"
#include "tests/support/temporary_directory.hpp"

BOOST_AUTO_TEST_SUITE(registry)

namespace {

using datasets::Dataset;
using datasets::find_known_set;
using datasets::find_real_set;
using datasets::find_real_sets;
using datasets::RealSet;
using datasets::Split;
using tests::TemporaryDirectory;

const std::filesystem::path kSharedData = TANGENT_SHARED_DATA;

struct Digest {
  std::uint32_t labels = 0;  // CRC-32 of the labels as u16
  std::uint32_t pixels = 0;  // and of the images as bytes
  double mean = 0.0;
};

Digest digest(const Dataset& set) {
  Digest sums;
  std::vector<float> image(static_cast<std::size_t>(3 * set.image_size() * set.image_size()));
  std::vector<std::uint8_t> bytes(image.size());
  double total = 0.0;
  for (std::int64_t i = 0; i < set.size(); ++i) {
    const auto label = static_cast<std::uint16_t>(set.label(i));
    const std::uint8_t pair[] = {static_cast<std::uint8_t>(label & 255), static_cast<std::uint8_t>(label >> 8)};
    sums.labels = static_cast<std::uint32_t>(crc32(sums.labels, pair, 2));
    set.read_image(i, image);
    std::ranges::transform(image, bytes.begin(),
                           [](const float value) { return static_cast<std::uint8_t>(std::lround(255.0f * value)); });
    sums.pixels = static_cast<std::uint32_t>(crc32(sums.pixels, bytes.data(), static_cast<uInt>(bytes.size())));
    for (const std::uint8_t byte : bytes) total += byte;
  }
  sums.mean = total / (static_cast<double>(set.size()) * static_cast<double>(image.size()));
  return sums;
}

void write_picture(const std::filesystem::path& file, const std::uint8_t brightness) {
  std::filesystem::create_directories(file.parent_path());
  datasets::write_png(file, 2, 2, std::vector<std::uint8_t>(12, brightness));
}

std::vector<std::string> names_of(const Dataset& set) { return {set.class_names().begin(), set.class_names().end()}; }

}  // namespace

#if defined(__SANITIZE_THREAD__)
constexpr std::int64_t kMostImages = 0;  // one thread reads them
#elif defined(__SANITIZE_ADDRESS__)
constexpr std::int64_t kMostImages = 2500;  // one part at least of nearly every format
#else
constexpr std::int64_t kMostImages = std::numeric_limits<std::int64_t>::max();
#endif

BOOST_AUTO_TEST_CASE(real_sets_hold_what_others_read_from_them) {
  std::ifstream lines(std::string(TANGENT_GOLDEN_DIR) + "/real_sets.txt");
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    std::istringstream words(line);
    std::string name, part, pixels;
    std::int64_t images = 0, classes = 0;
    std::uint32_t labels = 0;
    double mean = 0.0;
    words >> name >> part >> images >> classes >> std::hex >> labels >> pixels >> mean;
    BOOST_REQUIRE(words);
    if (!std::filesystem::exists(kSharedData / name)) {
      BOOST_TEST_MESSAGE("skipped: no " << kSharedData / name);
      continue;
    }
    if (images > kMostImages) {
      BOOST_TEST_MESSAGE("skipped under sanitizers, where it takes minutes: " << name << " " << part);
      continue;
    }
    BOOST_TEST_CONTEXT(name << " " << part) {
      const auto found = find_real_set(name, kSharedData);
      BOOST_REQUIRE(found.has_value());
      const auto set = load_real_set(*found, part == "train" ? Split::train : Split::test, 32);
      BOOST_CHECK_EQUAL(set->size(), images);
      BOOST_REQUIRE_EQUAL(set->class_names().size(), static_cast<std::size_t>(classes));
      std::ifstream listed(kSharedData / name / "classes.txt");
      for (const std::string& class_name : set->class_names()) {
        std::string expected;
        std::getline(listed, expected);
        BOOST_CHECK_EQUAL(class_name, expected);
      }
      const Digest found_sums = digest(*set);
      BOOST_CHECK_EQUAL(found_sums.labels, labels);
      if (pixels != "-") BOOST_CHECK_EQUAL(found_sums.pixels, std::stoul(pixels, nullptr, 16));
      BOOST_CHECK_SMALL(found_sums.mean - mean, 0.1);     // JPEG decoders differ by a level here and there
      if (part == "train" && found->known->statistics) {  // which leave out the validation images
        const auto& known = found->known->statistics->mean;
        BOOST_CHECK_SMALL((known[0] + known[1] + known[2]) / 3.0 * 255.0 - mean, 1.5);
      }
    }
  }
  BOOST_CHECK_EQUAL(count, 28);
}

BOOST_AUTO_TEST_CASE(alternatives_are_expanded_in_order) {
  const std::vector<std::string> expected = {"a x p.", "a x q.", "the x p.", "the x q."};
  BOOST_CHECK(datasets::expand_alternatives("<a|the> x <p|q>.") == expected);
  const std::vector<std::string> optional = {"of c", "of a c"};
  BOOST_CHECK(datasets::expand_alternatives("of <|a >c") == optional);
  BOOST_CHECK(datasets::expand_alternatives("plain") == std::vector<std::string>{"plain"});
}

BOOST_AUTO_TEST_CASE(prompts_are_those_of_the_reference_code) {
  struct Known {
    const char* name;
    std::size_t prompts;
    const char* one_of_them;
  };
  for (const auto& [name, prompts, one_of_them] :
       {Known{"stanford_cars", 8, "i love my {class}!"}, Known{"dtd", 8, "a photo of the {class} object."},
        Known{"eurosat", 3, "a centered satellite photo of a {class}."},
        Known{"gtsrb", 3, "a close up photo of a \"{class}\" traffic sign."},
        Known{"mnist", 1, "a photo of the number: \"{class}\"."}, Known{"resisc45", 18, "aerial view of {class}."},
        Known{"sun397", 2, "a photo of the {class}."}, Known{"svhn", 1, "a photo of the number: \"{class}\"."},
        Known{"imagenet", 80, "itap of my {class}."}, Known{"cifar10", 18, "a black and white photo of the {class}."},
        Known{"cifar100", 18, "a photo of a big {class}."}, Known{"stl10", 2, "a photo of a {class}."}}) {
    const datasets::KnownSet* const known = find_known_set(name);
    BOOST_REQUIRE(known != nullptr);
    const std::set<std::string> distinct(known->templates.begin(), known->templates.end());
    BOOST_CHECK_EQUAL(distinct.size(), prompts);
    BOOST_CHECK_EQUAL(known->templates.size(), prompts);
    BOOST_CHECK_MESSAGE(distinct.contains(one_of_them), name << " lacks " << one_of_them);
    for (const std::string& prompt : distinct) {
      BOOST_CHECK_MESSAGE(prompt.find("{class}") == prompt.rfind("{class}") && prompt.find("{class}") < prompt.size(),
                          prompt);
    }
  }
  BOOST_CHECK(find_known_set("unknown") == nullptr);
}

BOOST_AUTO_TEST_CASE(classes_are_called_as_in_prompts) {
  struct Known {
    const char* set;
    const char* own;
    const char* name;
  };
  for (const auto& [set, own, name] :
       {Known{"gtsrb", "00014", "stop"}, Known{"gtsrb", "00029", "red and white triangle with bicyle warning"},
        Known{"gtsrb", "00042", "white circle with gray strike bar indicating no passing for trucks has ended"},
        Known{"gtsrb", "00043", "00043"}, Known{"gtsrb", "x", "x"}, Known{"eurosat", "SeaLake", "lake or sea"},
        Known{"eurosat", "AnnualCrop", "annual crop land"}, Known{"dtd", "polka-dotted", "polka-dotted"},
        Known{"resisc45", "ground_track_field", "ground track field"},
        Known{"cifar100", "aquarium_fish", "aquarium fish"},
        Known{"sun397", "a_apartment_building_outdoor", "apartment building outdoor"},
        Known{"imagenet", "n01440764", "tench"}, Known{"imagenet", "n01608432", "kite (bird of prey)"},
        Known{"imagenet", "n03773504", "missile"}, Known{"imagenet", "n04008634", "missile"},
        Known{"imagenet", "n04356056", "sunglasses"}, Known{"imagenet", "n15075141", "toilet paper"},
        Known{"imagenet", "n00000000", "n00000000"}, Known{"imagenet", "x", "x"}}) {
    BOOST_CHECK_EQUAL(find_known_set(set)->class_name(own), name);
  }
}

BOOST_AUTO_TEST_CASE(known_sets_are_found_where_the_reference_code_has_them) {
  const TemporaryDirectory data;
  for (const char* const part : {"train", "val", "test"}) {
    write_picture(data.path() / "EuroSAT_splits" / part / "Forest/1.png", 10);
    write_picture(data.path() / "EuroSAT_splits" / part / "AnnualCrop/2.png", 20);
  }
  write_picture(data.path() / "sun397/train/a_abbey/1.png", 0);
  write_picture(data.path() / "sun397/val/a_abbey/2.png", 0);
  write_picture(data.path() / "imagenet/train/n01440764/1.png", 0);
  write_picture(data.path() / "imagenet/val_in_folder/n01440764/2.png", 0);
  write_picture(data.path() / "my own/train/b/1.png", 0);
  write_picture(data.path() / "my own/test/b/2.png", 0);
  std::filesystem::create_directories(data.path() / "empty");
  data.file("file", "");

  const std::vector<RealSet> sets = find_real_sets(data.path());
  const std::vector<std::string> expected = {"eurosat", "imagenet", "my own", "sun397"};
  BOOST_REQUIRE_EQUAL(sets.size(), expected.size());
  for (std::size_t i = 0; i < sets.size(); ++i) BOOST_CHECK_EQUAL(sets[i].name, expected[i]);

  const datasets::RealSplits eurosat = load_real_splits(sets[0], 2);
  BOOST_CHECK_EQUAL(eurosat.train->size(), 2);
  BOOST_CHECK_EQUAL(eurosat.validation->size(), 2);  // its own
  BOOST_CHECK((names_of(*eurosat.test) == std::vector<std::string>{"annual crop land", "forest"}));
  BOOST_CHECK((names_of(*load_real_set(sets[3], Split::test, 2)) == std::vector<std::string>{"abbey"}));
  BOOST_CHECK((names_of(*load_real_set(sets[1], Split::test, 2)) == std::vector<std::string>{"tench"}));

  data.file("EuroSAT_splits/classes.txt", "crops\ntrees\n");  // what the user writes counts
  BOOST_CHECK((names_of(*load_real_set(sets[0], Split::test, 2)) == std::vector<std::string>{"crops", "trees"}));

  for (const char* const name : {"", ".", "..", "../x", "my own/train", "empty", "file", "none"}) {
    BOOST_CHECK_MESSAGE(!find_real_set(name, data.path()), name);
  }
  BOOST_CHECK_THROW(find_real_sets(data.path() / "none"), std::runtime_error);
}

BOOST_AUTO_TEST_CASE(a_published_set_is_whole_and_may_be_called_as_its_authors_do) {
  const TemporaryDirectory data;
  for (const std::string name : {"DTD", "dtd10"}) {
    write_picture(data.path() / name / "images/banded/1.png", 1);
    std::filesystem::create_directories(data.path() / name / "labels");
    for (const std::string list : {"train1", "test1"}) data.file(name + "/labels/" + list + ".txt", "banded/1.png\n");
  }
  const RealSet dtd = *find_real_set("dtd", data.path());
  tests::check_error([&] { load_real_set(dtd, Split::train, 2); }, "[data] " + dtd.folder.string() + ": ",
                     "dtd has a labels/val1.txt, which is missing");
  BOOST_CHECK_EQUAL(load_real_set(*find_real_set("dtd10", data.path()), Split::train, 2)->size(), 1);
  data.file("DTD/labels/val1.txt", "banded/1.png\n");
  BOOST_CHECK_EQUAL(load_real_set(dtd, Split::train, 2)->size(), 2);
}

BOOST_AUTO_TEST_CASE(a_folder_that_cannot_be_a_set_hides_no_other) {
  const TemporaryDirectory data;
  for (const std::string name : {"good", "caf\xe9"}) {
    write_picture(data.path() / name / "train/b/1.png", 0);
    write_picture(data.path() / name / "test/b/2.png", 0);
  }
  std::filesystem::create_directory_symlink("loop", data.path() / "loop");
  const std::vector<RealSet> sets = find_real_sets(data.path());
  BOOST_REQUIRE_EQUAL(sets.size(), 1u);
  BOOST_CHECK_EQUAL(sets[0].name, "good");
  BOOST_CHECK(!find_real_set("caf\xe9", data.path()));
  BOOST_CHECK(datasets::is_real_set(data.path() / "good") && !datasets::is_real_set(data.path()));
  BOOST_CHECK_EQUAL(datasets::why_no_set(data.path()), "in no layout that is looked for");
  std::filesystem::remove_all(data.path() / "good/test");
  BOOST_CHECK_EQUAL(datasets::why_no_set(data.path() / "good"),
                    "looks like class_folders, which needs train/CLASS/*, {test,val_in_folder,val}/CLASS/*");
}

BOOST_AUTO_TEST_CASE(validation_is_the_last_part_of_torchs_permutation) {
  const TemporaryDirectory data;
  for (int i = 0; i < 10; ++i)
    write_picture(data.path() / "set/train/c" / (std::to_string(i) + ".png"), static_cast<std::uint8_t>(i));
  write_picture(data.path() / "set/val/c/x.png", 100);
  const datasets::RealSplits splits = load_real_splits(*find_real_set("set", data.path()), 1);
  std::vector<float> image(3);
  std::vector<int> order;
  for (const auto& part : {splits.train, splits.validation, splits.test}) {
    for (std::int64_t i = 0; i < part->size(); ++i) {
      part->read_image(i, image);
      order.push_back(static_cast<int>(std::lround(255.0f * image[0])));
    }
  }
  const std::vector<int> expected = {4, 1, 7, 5, 3, 9, 0, 8, 6, 2, 100};  // randperm(10), seed 0; val is the test set
  BOOST_CHECK(order == expected);
  BOOST_CHECK_EQUAL(splits.validation->size(), 1);
}

BOOST_AUTO_TEST_SUITE_END()
