// IDX files: what is well formed is read to the byte, plain or gzip, and whatever is damaged is refused by name.
#include "datasets/idx.hpp"

#include <zlib.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/check_error.hpp"
#include "tests/support/temporary_directory.hpp"

BOOST_AUTO_TEST_SUITE(idx)

namespace {

using datasets::Dataset;
using datasets::load_idx;
using datasets::load_idx_folder;
using datasets::Split;
using tests::bytes_of_file;
using tests::TemporaryDirectory;

const std::filesystem::path kSharedData = TANGENT_SHARED_DATA;

std::string big_endian(const std::initializer_list<std::uint32_t> numbers) {
  std::string bytes;
  for (const std::uint32_t number : numbers) {
    for (const int shift : {24, 16, 8, 0}) bytes += static_cast<char>(number >> shift & 0xFFu);
  }
  return bytes;
}

std::string gzip(const std::string_view plain) {
  z_stream zlib{};
  deflateInit2(&zlib, Z_BEST_COMPRESSION, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY);
  std::string packed(deflateBound(&zlib, static_cast<uLong>(plain.size())), '\0');
  std::string source(plain);
  zlib.next_in = reinterpret_cast<Bytef*>(source.data());
  zlib.avail_in = static_cast<uInt>(source.size());
  zlib.next_out = reinterpret_cast<Bytef*>(packed.data());
  zlib.avail_out = static_cast<uInt>(packed.size());
  BOOST_REQUIRE_EQUAL(deflate(&zlib, Z_FINISH), Z_STREAM_END);
  packed.resize(zlib.total_out);
  deflateEnd(&zlib);
  return packed;
}

// Three images of 2 × 3 with bytes 0, 1, 2, ..., and their labels 2, 0, 1.
std::string three_images() {
  std::string bytes = big_endian({2051, 3, 2, 3});
  for (int i = 0; i < 18; ++i) bytes += static_cast<char>(i);
  return bytes;
}

std::string three_labels() { return big_endian({2049, 3}) + std::string("\2\0\1", 3); }

const std::vector<std::string> kNames = {"a", "b", "c"};

std::vector<float> read(const Dataset& dataset, const std::int64_t index) {
  std::vector<float> chw(static_cast<std::size_t>(3 * dataset.image_size() * dataset.image_size()));
  dataset.read_image(index, chw);
  return chw;
}

void check_fails(const std::filesystem::path& file, const std::string& fragment, const std::function<void()>& action) {
  tests::check_error(action, "[idx] " + file.string() + ": ", fragment);
}

void check_images_refused(const std::string_view bytes, const std::string& fragment) {
  const TemporaryDirectory directory;
  const std::filesystem::path images = directory.file("images.gz", bytes);
  const std::filesystem::path labels = directory.file("labels.gz", three_labels());
  check_fails(images, fragment, [&] { load_idx(images, labels, kNames, 4); });
}

void check_labels_refused(const std::string_view bytes, const std::string& fragment) {
  const TemporaryDirectory directory;
  const std::filesystem::path images = directory.file("images", three_images());
  const std::filesystem::path labels = directory.file("labels", bytes);
  check_fails(labels, fragment, [&] { load_idx(images, labels, kNames, 4); });
}

void check_three_images(const std::string_view image_bytes, const std::string_view label_bytes) {
  const TemporaryDirectory directory;
  const std::shared_ptr<const Dataset> set =
      load_idx(directory.file("images", image_bytes), directory.file("labels", label_bytes), kNames, 2);
  BOOST_REQUIRE_EQUAL(set->size(), 3);
  BOOST_CHECK_EQUAL(set->image_size(), 2);
  BOOST_CHECK(std::ranges::equal(set->class_names(), kNames));
  BOOST_CHECK_EQUAL(set->label(0), 2);
  BOOST_CHECK_EQUAL(set->label(1), 0);
  BOOST_CHECK_EQUAL(set->label(2), 1);
  const std::vector<float> image = read(*set, 1);
  const std::vector<int> plane = {6, 7, 9, 10};  // two of the three columns
  for (std::size_t i = 0; i < image.size(); ++i) {
    BOOST_CHECK_EQUAL(image[i], static_cast<float>(plane[i % 4]) / 255.0f);
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(plain_and_gzip_give_the_same_images) {
  check_three_images(three_images(), three_labels());
  check_three_images(gzip(three_images()), gzip(three_labels()));
  check_three_images(gzip(three_images()), three_labels());
  // several gzip members, as parallel packers write them, also with the border inside the header
  const std::string images = three_images();
  check_three_images(gzip(images.substr(0, 5)) + gzip("") + gzip(images.substr(5)), gzip(three_labels()));
}

BOOST_AUTO_TEST_CASE(images_of_a_whole_buffer_and_more_are_read) {  // files are read in blocks of 64 KiB
  std::string images = big_endian({2051, 100, 40, 40});
  for (int i = 0; i < 160'000; ++i) images += static_cast<char>(i % 251);
  const std::string labels = big_endian({2049, 100}) + std::string(100, '\0');
  for (const bool packed : {false, true}) {
    const TemporaryDirectory directory;
    const auto set = load_idx(directory.file("images", packed ? gzip(images) : images),
                              directory.file("labels", labels), kNames, 40);
    BOOST_CHECK_EQUAL(read(*set, 99)[1599], static_cast<float>(159'999 % 251) / 255.0f);
    BOOST_CHECK_EQUAL(read(*set, 41)[3], static_cast<float>(65'603 % 251) / 255.0f);
  }
}

BOOST_AUTO_TEST_CASE(file_cut_short_anywhere_is_refused) {
  const std::string images = three_images();
  const std::string labels = three_labels();
  for (std::size_t length = 1; length < images.size(); ++length)
    check_images_refused(images.substr(0, length), "cut short");
  for (std::size_t length = 1; length < labels.size(); ++length)
    check_labels_refused(labels.substr(0, length), "cut short");
  const std::string packed = gzip(images);
  for (std::size_t length = 2; length < packed.size(); ++length) {
    check_images_refused(packed.substr(0, length), "cut short");
  }
  check_images_refused("", "is empty");
  check_labels_refused("", "is empty");
  check_images_refused(gzip(images.substr(0, 30)), "announces 18 bytes of data, only 14 follow");
  check_images_refused(gzip(""), "ends within its header");
}

BOOST_AUTO_TEST_CASE(trailing_bytes_are_refused) {
  check_images_refused(three_images() + "x", "announces 18 bytes of data, more follow");
  check_labels_refused(three_labels() + "x", "announces 3 bytes of data, more follow");
  check_images_refused(gzip(three_images() + "x"), "more follow");
  check_images_refused(gzip(three_images()) + "x", "gzip data is");
  check_images_refused(gzip(three_images()) + "trailing bytes", "gzip data is damaged");
  check_images_refused(gzip(three_images()) + gzip("x"), "more follow");
}

BOOST_AUTO_TEST_CASE(damaged_gzip_is_refused) {
  const std::string packed = gzip(three_images());
  for (const std::size_t from_end : {1u, 4u, 5u, 8u}) {  // the length and the CRC
    std::string damaged = packed;
    damaged[damaged.size() - from_end] = static_cast<char>(damaged[damaged.size() - from_end] ^ 1);
    check_images_refused(damaged, from_end > 4 ? "(incorrect data check)" : "(incorrect length check)");
  }
  std::string method = packed;
  method[2] = 7;
  check_images_refused(method, "(unknown compression method)");
}

BOOST_AUTO_TEST_CASE(gzip_bomb_is_not_unpacked) {
  const std::string zeros(20 << 20, '\0');
  check_images_refused(gzip(three_images() + zeros), "announces 18 bytes of data, more follow");
  check_images_refused(gzip(big_endian({2051, 4095, 1024, 1024}) + zeros), "more than the file can hold");
}

BOOST_AUTO_TEST_CASE(other_kinds_of_files_are_recognised) {
  check_images_refused(three_labels(), "begins with 2051, this one with 2049; are images and labels swapped?");
  check_labels_refused(three_images(), "begins with 2049, this one with 2051; are images and labels swapped?");
  check_images_refused("\x89PNG\r\n\x1A\n", "this one with 2303741511; it is another kind of file");
  check_images_refused("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "is a Git LFS pointer");
  check_labels_refused("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "is a Git LFS pointer");
  check_labels_refused("version 2 of something", "another kind of file");
}

BOOST_AUTO_TEST_CASE(impossible_sizes_are_refused) {
  const std::string data(18, '\0');
  check_images_refused(big_endian({2051, 0, 2, 3}), "announces 0 of 2 x 3");
  check_images_refused(big_endian({2051, 3, 0, 3}), "announces 3 of 0 x 3");
  check_images_refused(big_endian({2051, 3, 2, 0}), "announces 3 of 2 x 0");
  check_images_refused(big_endian({2051, 1, 4097, 1}) + data, "sides 1 to 4096");
  check_images_refused(big_endian({2051, 1, 1, 0xFFFFFFFF}) + data, "sides 1 to 4096");
  check_images_refused(big_endian({2051, 1 << 20, 4096, 4096}) + data, "over the limit of 4 GiB");
  check_images_refused(big_endian({2051, 1 << 26, 1, 1}) + data, "more than the file can hold");
  check_labels_refused(big_endian({2049, 1 << 26}) + "123", "more than the file can hold");
  check_images_refused(big_endian({2051, (1 << 26) + 1, 1, 1}) + data, "needs 1 to 67108864 images");
  check_labels_refused(big_endian({2049, (1 << 26) + 1}) + "123", "needs at most 67108864 labels");
}

BOOST_AUTO_TEST_CASE(images_and_labels_must_belong_together) {
  check_labels_refused(big_endian({2049, 2}) + std::string(2, '\0'), "holds 2 labels, but ");
  check_labels_refused(big_endian({2049, 4}) + std::string(4, '\0'), "images holds 3 images");
  check_labels_refused(big_endian({2049, 0}), "holds 0 labels");
  check_labels_refused(big_endian({2049, 3}) + std::string("\1\3\2"),
                       "label 1 is class 3, but there are only 3 class names");
}

BOOST_AUTO_TEST_CASE(caller_mistakes_are_invalid_arguments) {
  const TemporaryDirectory directory;
  const std::filesystem::path images = directory.file("images", three_images());
  const std::filesystem::path labels = directory.file("labels", three_labels());
  BOOST_CHECK_THROW(load_idx(images, labels, kNames, 0), std::invalid_argument);
  BOOST_CHECK_THROW(load_idx_folder(directory.path(), Split::validation, 32), std::invalid_argument);
  const auto set = load_idx(images, labels, kNames, 4);
  std::vector<float> wrong(47);
  BOOST_CHECK_THROW(set->read_image(0, wrong), std::invalid_argument);
  BOOST_CHECK_THROW(read(*set, 3), std::out_of_range);
  BOOST_CHECK_THROW(read(*set, -1), std::out_of_range);
  BOOST_CHECK_THROW(set->label(3), std::out_of_range);
}

BOOST_AUTO_TEST_CASE(missing_files_are_named) {
  const TemporaryDirectory directory;
  const std::filesystem::path labels = directory.file("labels", three_labels());
  check_fails(directory.path() / "none", "does not exist",
              [&] { load_idx(directory.path() / "none", labels, kNames, 4); });
  check_fails(directory.path(), "is not a file", [&] { load_idx(directory.path(), labels, kNames, 4); });
  check_fails(directory.path() / "none", "is not a folder",
              [&] { load_idx_folder(directory.path() / "none", Split::train, 4); });
  check_fails(directory.path(), "holds neither train-images-idx3-ubyte nor train-images-idx3-ubyte.gz",
              [&] { load_idx_folder(directory.path(), Split::train, 4); });
  directory.file("t10k-images-idx3-ubyte", three_images());
  check_fails(directory.path(), "holds neither t10k-labels-idx1-ubyte nor t10k-labels-idx1-ubyte.gz",
              [&] { load_idx_folder(directory.path(), Split::test, 4); });
}

BOOST_AUTO_TEST_CASE(folder_gives_its_split_and_class_names) {
  const TemporaryDirectory directory;
  directory.file("t10k-images-idx3-ubyte", three_images());
  directory.file("t10k-labels-idx1-ubyte.gz", gzip(three_labels()));
  const auto numbered = load_idx_folder(directory.path(), Split::test, 4);
  BOOST_REQUIRE_EQUAL(numbered->class_names().size(), 10u);
  BOOST_CHECK_EQUAL(numbered->class_names()[0], "0");
  BOOST_CHECK_EQUAL(numbered->class_names()[9], "9");

  const std::filesystem::path classes = directory.file("classes.txt", "お o\r\nki\nsu");
  const auto named = load_idx_folder(directory.path(), Split::test, 4);
  const std::vector<std::string> expected = {"お o", "ki", "su"};
  BOOST_CHECK(std::ranges::equal(named->class_names(), expected));

  const auto load = [&] { load_idx_folder(directory.path(), Split::test, 4); };
  directory.file("classes.txt", "a\n\nb\n");
  tests::check_error(load, "[classes] " + classes.string() + ": ", "line 2 is empty");
  directory.file("classes.txt", "a\nb\x1b[31m\n");
  tests::check_error(load, "[classes] " + classes.string() + ": ", "line 2 is not UTF-8 or holds a control character");
  directory.file("classes.txt", "caf\xe9\n");
  tests::check_error(load, "[classes] " + classes.string() + ": ", "line 1 is not UTF-8");
  directory.file("classes.txt", "\n");
  tests::check_error(load, "[classes] " + classes.string() + ": ", "names no class");
  directory.file("classes.txt", "a\nb\n");
  check_fails(directory.path() / "t10k-labels-idx1-ubyte.gz", "label 0 is class 2, but there are only 2", load);
}

BOOST_AUTO_TEST_CASE(names_with_a_dot_are_found_too) {
  const TemporaryDirectory directory;
  directory.file("t10k-images.idx3-ubyte", three_images());
  directory.file("t10k-labels.idx1-ubyte.gz", gzip(three_labels()));
  BOOST_CHECK_EQUAL(load_idx_folder(directory.path(), Split::test, 4)->size(), 3);
}

BOOST_AUTO_TEST_CASE(labels_beyond_nine_are_numbered_too) {
  const TemporaryDirectory directory;
  directory.file("train-images-idx3-ubyte", three_images());
  directory.file("train-labels-idx1-ubyte", big_endian({2049, 3}) + "\1\x1B\2");
  BOOST_CHECK_EQUAL(load_idx_folder(directory.path(), Split::train, 4)->class_names().size(), 28u);
}

BOOST_AUTO_TEST_CASE(first_digits_of_mnist_are_the_known_ones) {
  if (!std::filesystem::exists(kSharedData / "mnist")) {
    BOOST_TEST_MESSAGE("skipped: no mnist in " << kSharedData);
    return;
  }
  const auto train = load_idx_folder(kSharedData / "mnist", Split::train, 28);
  const std::vector<std::int64_t> labels = {5, 0, 4, 1, 9, 2, 1, 3, 1, 4};
  for (std::size_t i = 0; i < labels.size(); ++i) {
    BOOST_CHECK_EQUAL(train->label(static_cast<std::int64_t>(i)), labels[i]);
  }
  BOOST_CHECK_EQUAL(read(*train, 0)[5 * 28 + 12], 3.0f / 255.0f);  // the first ink of the first five
}

BOOST_AUTO_TEST_CASE(really_damaged_files_are_refused) {
  const std::filesystem::path damaged = kSharedData / "_damaged";
  if (!std::filesystem::exists(damaged)) {
    BOOST_TEST_MESSAGE("skipped: no " << damaged);
    return;
  }
  const TemporaryDirectory directory;
  const std::filesystem::path labels = directory.file("labels", three_labels());
  const auto check = [&](const char* const name, const std::string& fragment) {
    check_fails(damaged / name, fragment, [&] { load_idx(damaged / name, labels, kNames, 32); });
  };
  check("truncated-images-idx3-ubyte.gz", "cut short");
  check("lfs_pointer.gz", "is a Git LFS pointer");
  check("lfs_pointer.jpg", "is a Git LFS pointer");
  check("empty.ppm", "is empty");
  check("crlf_shifted_stop_sign.ppm", "another kind of file");
}

BOOST_AUTO_TEST_SUITE_END()
