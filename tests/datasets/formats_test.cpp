// Each layout as its authors distribute it, in a tiny tree made here; and trees that mean harm.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "datasets/cifar.hpp"
#include "datasets/class_folders.hpp"
#include "datasets/file_tree.hpp"
#include "datasets/gtsrb.hpp"
#include "datasets/image.hpp"
#include "datasets/list_files.hpp"
#include "datasets/memory_dataset.hpp"
#include "datasets/stanford_cars.hpp"
#include "datasets/stl10.hpp"
#include "datasets/svhn.hpp"
#include "tests/support/check_error.hpp"
#include "tests/support/temporary_directory.hpp"

BOOST_AUTO_TEST_SUITE(formats)

namespace {

using datasets::Dataset;
using datasets::Split;
using tests::check_error;
using tests::TemporaryDirectory;

using Path = std::filesystem::path;
using Names = std::vector<std::string>;
using Numbers = std::vector<std::int64_t>;

const Path kGolden = TANGENT_GOLDEN_DIR;

void write(const Path& file, const std::string& bytes) {
  std::filesystem::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << bytes;
}

// A grey 2 x 2 PNG: how bright it is tells which one was read.
void write_picture(const Path& file, const int brightness) {
  std::filesystem::create_directories(file.parent_path());
  datasets::write_png(file, 2, 2, std::vector<std::uint8_t>(12, static_cast<std::uint8_t>(brightness)));
}

Names names_of(const Dataset& set) { return {set.class_names().begin(), set.class_names().end()}; }

Numbers labels_of(const Dataset& set) {
  Numbers labels;
  for (std::int64_t i = 0; i < set.size(); ++i) labels.push_back(set.label(i));
  return labels;
}

int byte_of(const Dataset& set, const std::int64_t index, const std::size_t at) {
  std::vector<float> chw(static_cast<std::size_t>(3 * set.image_size() * set.image_size()));
  set.read_image(index, chw);
  return static_cast<int>(std::lround(255.0f * chw[at]));
}

Numbers brightness_of(const Dataset& set) {
  Numbers all;
  for (std::int64_t i = 0; i < set.size(); ++i) all.push_back(byte_of(set, i, 0));
  return all;
}

// Byte i of a picture's planes.
std::string planes(const std::size_t count, const std::size_t step) {
  std::string bytes;
  for (std::size_t i = 0; i < count; ++i) bytes += static_cast<char>(i * step % 251);
  return bytes;
}

}  // namespace

BOOST_AUTO_TEST_CASE(cifar_records_are_planes_behind_their_labels) {
  const TemporaryDirectory directory;
  const Path ten = directory.path() / "ten";
  for (int i = 1; i <= 5; ++i)
    write(ten / ("data_batch_" + std::to_string(i) + ".bin"),
          std::string(1, static_cast<char>(5 - i)) + planes(3072, 1));
  write(ten / "test_batch.bin", "\4" + planes(3072, 3) + "\1" + planes(3072, 7));
  write(ten / "batches.meta.txt", "a\nb\nc\nd\ne\n\n");
  const auto train = datasets::load_cifar10(ten, Split::train, 32);
  BOOST_CHECK((labels_of(*train) == Numbers{4, 3, 2, 1, 0}));
  const auto test = datasets::load_cifar10(ten, Split::test, 32);
  BOOST_CHECK((names_of(*test) == Names{"a", "b", "c", "d", "e"}));
  for (const std::size_t at : {0u, 33u, 1024u, 3071u})
    BOOST_CHECK_EQUAL(byte_of(*test, 1, at), static_cast<int>(at * 7 % 251));

  const Path hundred = directory.path() / "hundred";
  write(hundred / "test.bin", "\1\2" + planes(3072, 3));
  write(hundred / "fine_label_names.txt", "x\ny\nz\n");
  const auto fine = datasets::load_cifar100(hundred, Split::test, 32);
  BOOST_CHECK((labels_of(*fine) == Numbers{2}));
  BOOST_CHECK_EQUAL(byte_of(*fine, 0, 1025), 3 * 1025 % 251);

  const std::string file = "[cifar] " + (hundred / "test.bin").string() + ": ";
  const auto load = [&] { datasets::load_cifar100(hundred, Split::test, 32); };
  write(hundred / "test.bin", "\1\3" + planes(3072, 3));
  check_error(load, file, "record 0 is of class 3, but there are only 3 class names");
  write(hundred / "test.bin", "\1\2" + planes(3071, 3));
  check_error(load, file, "holds 3073 bytes, which are not whole records of 3074");
  write(hundred / "test.bin", "");
  check_error(load, file, "is empty");
  write(hundred / "test.bin", std::string("\x1F\x8B\x08\0\0\0\0\0\0\3\3\0\0\0\0\0\0\0\0\0", 20));
  check_error(load, file, "is empty");
  std::filesystem::remove(hundred / "test.bin");
  check_error(load, file, "does not exist");
  BOOST_CHECK_THROW(datasets::load_cifar10(ten, Split::validation, 32), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(stl10_planes_are_column_by_column) {
  const TemporaryDirectory directory;
  write(directory.path() / "test_X.bin", planes(27648, 1) + planes(27648, 2));
  write(directory.path() / "test_y.bin", "\2\1");
  write(directory.path() / "class_names.txt", "a\nb\n");
  const auto set = datasets::load_stl10(directory.path(), Split::test, 96);
  BOOST_CHECK((labels_of(*set) == Numbers{1, 0}));
  BOOST_CHECK_EQUAL(byte_of(*set, 1, 1), 96 * 2 % 251);                      // one to the right: a column further
  BOOST_CHECK_EQUAL(byte_of(*set, 1, 9216 + 96 * 5), (9216 + 5) * 2 % 251);  // green, five rows down
  const auto load = [&] { datasets::load_stl10(directory.path(), Split::test, 96); };
  write(directory.path() / "test_y.bin", "\2\3");
  check_error(load, "[stl10] " + (directory.path() / "test_y.bin").string() + ": ",
              "label 1 is 3, which is not in 1 .. 2");
  write(directory.path() / "test_y.bin", "\2");
  check_error(load, "[stl10] " + (directory.path() / "test_X.bin").string() + ": ", "holds 55296 bytes, but ");
}

BOOST_AUTO_TEST_CASE(stanford_cars_follow_their_annotations) {
  const TemporaryDirectory directory;
  const Path& cars = directory.path();
  std::filesystem::create_directories(cars / "devkit");
  std::filesystem::copy(kGolden / "cars_meta.mat", cars / "devkit/cars_meta.mat");
  std::filesystem::copy(kGolden / "cars_annos.mat", cars / "devkit/cars_train_annos.mat");
  std::filesystem::copy(kGolden / "cars_annos_packed.mat", cars / "cars_test_annos_withlabels.mat");
  for (int i = 1; i <= 4; ++i) {
    write_picture(cars / "cars_train" / ("0000" + std::to_string(i) + ".jpg"), i);
    write_picture(cars / "cars_test" / ("0000" + std::to_string(i) + ".jpg"), 100 + i);
  }
  const auto train = datasets::load_stanford_cars(cars, Split::train, 2);
  BOOST_CHECK((labels_of(*train) == Numbers{2, 0, 1, 2}));
  BOOST_CHECK((brightness_of(*train) == Numbers{1, 2, 3, 4}));
  BOOST_CHECK((names_of(*train) == Names{"AM General Hummer SUV 2000", "Acura RL Sedan 2012", "Citroën C3 2020"}));
  BOOST_CHECK((brightness_of(*datasets::load_stanford_cars(cars, Split::test, 2)) == Numbers{101, 102, 103, 104}));

  std::string annotations = tests::bytes_of_file(kGolden / "cars_annos.mat");
  const auto load = [&] { datasets::load_stanford_cars(cars, Split::train, 2); };
  const Path list = cars / "devkit/cars_train_annos.mat";
  const std::size_t name = annotations.find("00003.jpg");
  BOOST_REQUIRE(name != std::string::npos);
  annotations.replace(name, 9, "../../x.a");
  write(list, annotations);
  check_error(load, "[files] " + list.string() + ": ", "line 3 names '../../x.a', which leaves");
  std::filesystem::copy_file(kGolden / "cars_meta.mat", list, std::filesystem::copy_options::overwrite_existing);
  check_error(load, "[stanford_cars] " + list.string() + ": ", "holds no variable annotations");
}

BOOST_AUTO_TEST_CASE(svhn_of_another_kind_is_refused) {  // the real layout is tested on chars74k_digits
  const TemporaryDirectory directory;
  const Path file = directory.path() / "train_32x32.mat";
  std::filesystem::copy(kGolden / "cars_meta.mat", file);
  check_error([&] { datasets::load_svhn(directory.path(), Split::train, 32); }, "[svhn] " + file.string() + ": ",
              "holds no array X of bytes");
}

BOOST_AUTO_TEST_CASE(gtsrb_lies_in_either_layout) {
  for (const std::string prefix : {"", "GTSRB/"}) {
    const TemporaryDirectory directory;
    const Path& folder = directory.path();
    const Path training = folder / (prefix.empty() ? "Final_Training/Images" : "GTSRB/Training");
    write_picture(training / "00000/00000_00001.ppm", 2);
    write_picture(training / "00000/00000_00000.ppm", 1);
    write_picture(training / "00001/00000_00000.ppm", 3);
    write(training / "00000/GT-00000.csv", "Filename;ClassId\n00000_00000.ppm;0\n");
    write_picture(folder / prefix / "Final_Test/Images/b.ppm", 4);
    write_picture(folder / prefix / "Final_Test/Images/a.ppm", 5);
    const Path table = prefix.empty() ? folder / "Final_Test/GT-final_test.csv" : folder / "GT-final_test.csv";
    write(table, "Filename;Width;ClassId\r\nb.ppm;2;1\r\na.ppm;2;0\r\n");
    BOOST_CHECK((brightness_of(*datasets::load_gtsrb(folder, Split::train, 2)) == Numbers{1, 2, 3}));
    const auto test = datasets::load_gtsrb(folder, Split::test, 2);
    BOOST_CHECK((labels_of(*test) == Numbers{1, 0}));
    BOOST_CHECK((brightness_of(*test) == Numbers{4, 5}));
    BOOST_CHECK((names_of(*test) == Names{"00000", "00001"}));

    const auto refused = [&](const std::string& text, const std::string& where, const std::string& fragment) {
      write(table, text);
      check_error([&] { datasets::load_gtsrb(folder, Split::test, 2); }, "[" + where + "] " + table.string() + ": ",
                  fragment);
    };
    refused("Filename,ClassId\nb.ppm,1\n", "gtsrb", "has no columns Filename and ClassId");
    refused("Filename;ClassId\nb.ppm;2\n", "gtsrb", "line 2 has ClassId 2, but " + training.string());
    refused("Filename;ClassId\nb.ppm;0\na.ppm;-1\n", "gtsrb", "line 3 has a ClassId");
    refused("Filename;ClassId\nb.ppm;0;0\n", "gtsrb", "line 2 has 3 values instead of 2");
    refused("Filename;ClassId\n../../../etc/passwd;0\n", "files", "line 2 names '../../../etc/passwd', which leaves");
    refused("Filename;ClassId\n", "gtsrb", "names no picture");

    // A class is the number of its folder, also where one before it is missing.
    std::filesystem::rename(training / "00001", training / "00007");
    write(table, "Filename;ClassId\na.ppm;7\nb.ppm;0\n");
    BOOST_CHECK((labels_of(*datasets::load_gtsrb(folder, Split::test, 2)) == Numbers{1, 0}));
    std::filesystem::create_directory(training / "seven");
    check_error([&] { datasets::load_gtsrb(folder, Split::test, 2); },
                "[gtsrb] " + (training / "seven").string() + ": ", "its name must be a number");
  }
}

BOOST_AUTO_TEST_CASE(lists_choose_and_folders_order) {
  const TemporaryDirectory directory;
  const Path dtd = directory.path() / "dtd";
  for (const auto& [name, brightness] :
       {std::pair<const char*, int>{"banded/1", 1}, {"banded/2", 2}, {"dotted/1", 3}, {"dotted/2", 4}})
    write_picture(dtd / "images" / (std::string(name) + ".jpg"), brightness);
  write(dtd / "labels/train1.txt", "dotted/2.jpg\n");
  write(dtd / "labels/val1.txt", "banded/1.jpg\n");
  write(dtd / "labels/test1.txt", "dotted/1.jpg\r\nbanded/2.jpg\r\n");
  const auto train = datasets::load_dtd(dtd, Split::train, 2);
  BOOST_CHECK((brightness_of(*train) == Numbers{1, 4}));  // val1 belongs to it, and classes are sorted
  BOOST_CHECK((labels_of(*train) == Numbers{0, 1}));
  BOOST_CHECK((brightness_of(*datasets::load_dtd(dtd, Split::test, 2)) == Numbers{2, 3}));

  const Path sun = directory.path() / "sun";
  write_picture(sun / "a/abbey/1.jpg", 1);
  write_picture(sun / "a/apartment/outdoor/2.jpg", 2);
  write(sun / "Partitions/Training_01.txt", "/a/apartment/outdoor/2.jpg\n/a/abbey/1.jpg\n");
  write(sun / "Partitions/Testing_01.txt", "/a/apartment/outdoor/2.jpg\n");
  const auto places = datasets::load_sun397(sun, Split::train, 2);
  BOOST_CHECK((names_of(*places) == Names{"a_abbey", "a_apartment_outdoor"}));
  BOOST_CHECK((brightness_of(*places) == Numbers{1, 2}));
  BOOST_CHECK((labels_of(*datasets::load_sun397(sun, Split::test, 2)) == Numbers{1}));

  const Path aerial = directory.path() / "aerial";
  write_picture(aerial / "NWPU-RESISC45/golf_course/golf_course_001.jpg", 1);
  write_picture(aerial / "NWPU-RESISC45/airport/airport_007.jpg", 2);
  write(aerial / "resisc45-train.txt", "golf_course_001.jpg\nairport_007.jpg\n");
  write(aerial / "resisc45-test.txt", "airport_007.jpg\n");
  const auto land = datasets::load_resisc45(aerial, Split::train, 2);
  write(aerial / "resisc45-test.txt", "foo.jpg\n");
  check_error([&] { datasets::load_resisc45(aerial, Split::test, 2); },
              "[list] " + (aerial / "resisc45-test.txt").string() + ": ", "line 1 shows no class: 'foo.jpg'");
  write(aerial / "resisc45-test.txt", "airport_007.jpg\n");
  BOOST_CHECK((names_of(*land) == Names{"airport", "golf_course"}));
  BOOST_CHECK((brightness_of(*land) == Numbers{2, 1}));
}

BOOST_AUTO_TEST_CASE(lists_that_mean_harm_are_refused) {
  const TemporaryDirectory directory;
  const Path& folder = directory.path();
  const Path list = folder / "labels/train1.txt";
  write_picture(folder / "images/banded/1.jpg", 1);
  write_picture(folder / "secret/1.jpg", 1);
  std::filesystem::create_directory_symlink(folder / "secret", folder / "images/banded/way_out");
  std::filesystem::create_directory_symlink(folder / "images/loop", folder / "images/loop");
  const auto refused = [&](const std::string& text, const std::string& where, const std::string& fragment) {
    write(list, text);
    check_error([&] { datasets::load_dtd(folder, Split::train, 2); }, "[" + where + "] " + list.string() + ": ",
                fragment);
  };
  refused("banded/1.jpg\nbanded/../../secret/1.jpg\n", "files",
          "line 2 names 'banded/../../secret/1.jpg', which leaves");
  refused("/etc/passwd\n", "files", "line 1 names '/etc/passwd', which leaves");
  refused("banded/way_out/1.jpg\n", "files", "line 1 names 'banded/way_out/1.jpg', which leaves");
  refused("loop/1.jpg\n", "files", "which cannot be followed: Too many levels of symbolic links");
  std::filesystem::remove(folder / "images/loop");
  refused("banded/1.jpg\n\nbanded/1.jpg\n", "files", "line 2 names no file");
  refused(std::string("banded/1.jpg\0.txt\n", 18), "files", "line 1 holds a control character");
  refused("1.jpg\n", "list", "line 1 shows no class");
  refused("other/1.jpg\n", "list", "names a picture of class 'other', which the set does not have");
  refused("\n\n", "list", "names no picture");
  refused("version https://git-lfs.github.com/spec/v1\n", "files", "is a Git LFS pointer");

  write(list, "banded/missing.jpg\n");  // shows when it is read, so that a check can go on
  const auto set = datasets::load_dtd(folder, Split::train, 2);
  check_error([&] { brightness_of(*set); }, "[decode] " + (folder / "images/banded/missing.jpg").string() + ": ",
              "does not exist");
}

BOOST_AUTO_TEST_CASE(class_folders_are_numbered_by_the_training_set) {
  const TemporaryDirectory directory;
  const Path& folder = directory.path();
  write_picture(folder / "train/b/2.PNG", 1);
  write_picture(folder / "train/b/10.png", 2);
  write_picture(folder / "train/Z/1.jpeg", 3);
  write_picture(folder / "train/a/deeper/1.ppm", 4);
  write_picture(folder / "train/a/.hidden.png", 9);
  write(folder / "train/a/notes.txt", "not a picture");
  write_picture(folder / "test/b/1.png", 5);
  const auto train = datasets::load_class_folders(folder, Split::train, 2);
  BOOST_CHECK((names_of(*train) == Names{"Z", "a", "b"}));  // by code point
  BOOST_CHECK((brightness_of(*train) == Numbers{3, 4, 2, 1}));
  BOOST_CHECK((labels_of(*train) == Numbers{0, 1, 2, 2}));
  const auto test = datasets::load_class_folders(folder, Split::test, 2);
  BOOST_CHECK((labels_of(*test) == Numbers{2}));  // although it is the only class there
  BOOST_CHECK_THROW(datasets::load_class_folders(folder, Split::validation, 2), std::invalid_argument);

  // ImageNet comes with a test/ of pictures without classes.
  std::filesystem::rename(folder / "test", folder / "val_in_folder");
  write_picture(folder / "test/1.png", 7);
  BOOST_CHECK((brightness_of(*datasets::load_class_folders(folder, Split::test, 2)) == Numbers{5}));
  BOOST_CHECK(!datasets::has_validation_folder(folder));
  std::filesystem::remove_all(folder / "test");
  std::filesystem::rename(folder / "val_in_folder", folder / "test");

  write(folder / "classes.txt", "zed\nay\n");
  check_error([&] { datasets::load_class_folders(folder, Split::train, 2); },
              "[classes] " + (folder / "classes.txt").string() + ": ", "names 2 classes, but the set has 3");
  std::filesystem::remove(folder / "classes.txt");
  write_picture(folder / "test/c/1.png", 5);
  check_error([&] { datasets::load_class_folders(folder, Split::test, 2); },
              "[class_folders] " + (folder / "test/c").string() + ": ", "is a class that train/ does not have");
  std::filesystem::create_directory_symlink(folder / "train", folder / "train/b/loop");
  check_error([&] { datasets::load_class_folders(folder, Split::train, 2); },
              "[files] " + (folder / "train/b/loop/b").string() + ": ", "is reached twice through symbolic links");
  std::filesystem::remove_all(folder / "train");
  check_error([&] { datasets::load_class_folders(folder, Split::train, 2); },
              "[files] " + (folder / "train").string() + ": ", "cannot be listed: No such file or directory");
}

BOOST_AUTO_TEST_CASE(omniglot_is_divided_by_drawer) {
  const TemporaryDirectory directory;
  const Path root = directory.path() / "images_background";
  write_picture(root / "Greek/character01/0001_15.png", 1);
  write_picture(root / "Greek/character01/0001_16.png", 2);
  write_picture(root / "Balinese/character02/0002_01.png", 3);
  write_picture(root / "Balinese/character02/0002_20.png", 4);
  const auto train = datasets::load_omniglot(directory.path(), Split::train, 2);
  BOOST_CHECK((names_of(*train) == Names{"Balinese/character02", "Greek/character01"}));
  BOOST_CHECK((brightness_of(*train) == Numbers{3, 1}));
  BOOST_CHECK((brightness_of(*datasets::load_omniglot(directory.path(), Split::test, 2)) == Numbers{4, 2}));
  write_picture(root / "Greek/character01/0001_21.png", 1);
  check_error([&] { datasets::load_omniglot(directory.path(), Split::train, 2); },
              "[class_folders] " + (root / "Greek/character01/0001_21.png").string() + ": ",
              "is not called NUMBER_DRAWER");
}

BOOST_AUTO_TEST_CASE(pictures_are_decoded_once_when_materialised) {
  const TemporaryDirectory directory;
  write_picture(directory.path() / "train/a/1.png", 7);
  write_picture(directory.path() / "test/a/1.png", 7);
  const auto memory = datasets::materialise(*datasets::load_class_folders(directory.path(), Split::train, 4));
  std::filesystem::remove_all(directory.path() / "train");
  BOOST_CHECK((brightness_of(*memory) == Numbers{7}));
  BOOST_CHECK_EQUAL(memory->image_size(), 4);
}

BOOST_AUTO_TEST_CASE(text_files_lose_their_marks_and_line_ends) {
  const TemporaryDirectory directory;
  const Path file = directory.file("x.txt",
                                   "\xEF\xBB\xBF"
                                   "one\r\n\r\nthree\n\n\n");
  BOOST_CHECK((datasets::read_lines(file) == Names{"one", "", "three"}));
  BOOST_CHECK((datasets::read_lines(directory.file("y.txt", "no end")) == Names{"no end"}));
}

BOOST_AUTO_TEST_SUITE_END()
