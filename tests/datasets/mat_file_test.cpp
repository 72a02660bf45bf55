// MATLAB 5 files as scipy writes them (tests/golden/make_mat.py), and what a damaged one must not do.
#include "datasets/mat_file.hpp"

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/support/check_error.hpp"
#include "tests/support/temporary_directory.hpp"

BOOST_AUTO_TEST_SUITE(mat_file)

namespace {

using datasets::MatArray;
using datasets::read_mat;
using tests::bytes_of_file;
using tests::TemporaryDirectory;

const std::filesystem::path kGolden = TANGENT_GOLDEN_DIR;
const std::filesystem::path kSharedData = TANGENT_SHARED_DATA;

void check_refused(const std::string& bytes, const std::string& fragment) {
  const TemporaryDirectory directory;
  const std::filesystem::path file = directory.file("x.mat", bytes);
  tests::check_error([&] { read_mat(file); }, "[mat] " + file.string() + ": ", fragment);
}

std::string with_number(std::string bytes, const std::size_t at, const std::uint32_t number) {
  for (std::size_t i = 0; i < 4; ++i) bytes[at + i] = static_cast<char>(number >> 8 * i & 0xFFu);
  return bytes;
}

}  // namespace

BOOST_AUTO_TEST_CASE(structs_and_cells_are_read_packed_or_not) {
  const auto names = read_mat(kGolden / "cars_meta.mat");
  BOOST_REQUIRE(names.contains("class_names"));
  const MatArray& cells = names.at("class_names");
  BOOST_CHECK((cells.extents == std::vector<std::int64_t>{1, 3}));
  BOOST_REQUIRE_EQUAL(cells.cells.size(), 3u);
  BOOST_CHECK_EQUAL(cells.cells[0].text, "AM General Hummer SUV 2000");
  BOOST_CHECK_EQUAL(cells.cells[2].text, "Citroën C3 2020");

  for (const char* const file : {"cars_annos.mat", "cars_annos_packed.mat"}) {
    const auto variables = read_mat(kGolden / file);
    const MatArray& annotations = variables.at("annotations");
    BOOST_REQUIRE_EQUAL(annotations.count(), 4);
    const std::vector<int> labels = {3, 1, 2, 3};
    for (std::int64_t i = 0; i < 4; ++i) {
      BOOST_CHECK_EQUAL(annotations.field(i, "class")->number(0), labels[static_cast<std::size_t>(i)]);
      BOOST_CHECK_EQUAL(annotations.field(i, "bbox_x1")->number(0), 300.0 + static_cast<double>(i));
      BOOST_CHECK_EQUAL(annotations.field(i, "fname")->text, "0000" + std::to_string(i + 1) + ".jpg");
    }
    BOOST_CHECK(annotations.field(0, "none") == nullptr);
    BOOST_CHECK(annotations.field(4, "class") == nullptr);
    BOOST_CHECK(annotations.field(-1, "class") == nullptr);
  }
}

BOOST_AUTO_TEST_CASE(nested_cells_of_the_original_omniglot_are_read) {
  const std::filesystem::path file = kSharedData / "omniglot/data_background_small1.mat";
  if (!std::filesystem::exists(file)) {
    BOOST_TEST_MESSAGE("skipped: no " << file);
    return;
  }
  const auto variables = read_mat(file);
  const MatArray& images = variables.at("images");
  BOOST_REQUIRE_EQUAL(images.cells.size(), 5u);                       // alphabets
  const MatArray& drawing = images.cells[0].cells.at(0).cells.at(0);  // its first character's first drawer
  BOOST_CHECK((drawing.extents == std::vector<std::int64_t>{105, 105}));
  BOOST_CHECK_EQUAL(drawing.bytes.size() + drawing.numbers.size(), 105u * 105u);
  BOOST_CHECK_EQUAL(variables.at("names").cells[0].text, "Balinese");
}

BOOST_AUTO_TEST_CASE(damage_is_an_error_and_never_worse) {
  int refused = 0;
  for (const char* const name : {"cars_annos.mat", "cars_annos_packed.mat", "cars_meta.mat"}) {
    const std::string whole = bytes_of_file(kGolden / name);
    const TemporaryDirectory directory;
    for (std::size_t at = 124; at < whole.size(); ++at) {
      for (const int change : {1, 0x80, 0xFF}) {
        std::string damaged = whole;
        damaged[at] = static_cast<char>(damaged[at] ^ change);
        try {
          read_mat(directory.file("x.mat", damaged));
        } catch (const std::runtime_error&) {
          ++refused;
        }
      }
    }
    // an element that ends early, in whatever part of the file; 136 is behind the first tag
    for (std::size_t length = 136; length < whole.size(); ++length) check_refused(whole.substr(0, length), "cut short");
  }
  BOOST_CHECK_GT(refused, 1000);
}

BOOST_AUTO_TEST_CASE(sizes_are_compared_with_what_is_left) {
  const std::string whole = bytes_of_file(kGolden / "cars_annos.mat");
  check_refused(with_number(whole, 132, 0x7FFFFFFF), "announces an element of 2147483647 bytes where");
  check_refused(with_number(whole, 160, 0x10000), "announces 786432 cells in");  // [65536, 4] of three fields
  check_refused(with_number(whole, 160, 0x100000), "over a million cells");
  check_refused(with_number(whole, 160, 0x7FFFFFFF), "extents that no file can hold");
  check_refused(with_number(whole, 160, 0xFFFFFFFF), "extents that no file can hold");
  check_refused(with_number(whole, 144, 0x0802), "complex numbers");
  check_refused(with_number(whole, 144, 5), "an array of class 5");
  check_refused("short", "ends within its header");
  std::string header = whole;
  header[125] = 2;
  header[124] = 0;
  check_refused(header, "is a MATLAB 7.3 (HDF5) file; save it with the option -v7");
  header[125] = 9;
  check_refused(header, "is no little-endian MATLAB 5 file");
}

BOOST_AUTO_TEST_SUITE_END()
