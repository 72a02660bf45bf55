// Files that mean harm: what they announce is compared with what they hold, names and links that lead astray are
// refused, and a file that changes while it is read is never taken for a whole one. tests/fuzz hunts for more.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "datasets/cifar.hpp"
#include "datasets/class_folders.hpp"
#include "datasets/decode.hpp"
#include "datasets/file_tree.hpp"
#include "datasets/gtsrb.hpp"
#include "datasets/idx.hpp"
#include "datasets/list_files.hpp"
#include "datasets/mat_file.hpp"
#include "datasets/stanford_cars.hpp"
#include "engine/tensor/byte_source.hpp"
#include "nn/safetensors.hpp"
#include "tests/support/check_error.hpp"
#include "tests/support/mat_bytes.hpp"
#include "tests/support/temporary_directory.hpp"

BOOST_AUTO_TEST_SUITE(hostile)

namespace {

using datasets::Split;
using tests::bytes_of_file;
using tests::check_error;
using tests::mat_element;
using tests::mat_matrix;
using tests::TemporaryDirectory;

using Path = std::filesystem::path;

const Path kGolden = TANGENT_GOLDEN_DIR;
const Path kSeeds = kGolden / "../fuzz/corpus/picture";

void write(const Path& file, const std::string& bytes) {
  std::filesystem::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << bytes;
}

void check_picture_refused(const std::string& bytes, const std::string& fragment) {
  const TemporaryDirectory directory;
  const Path file = directory.file("picture", bytes);
  check_error([&] { datasets::read_picture(file); }, "[decode] " + file.string() + ": ", fragment);
}

void check_mat_refused(const std::string& elements, const std::string& fragment) {
  const TemporaryDirectory directory;
  const Path file = directory.file("x.mat", tests::mat_file(elements));
  check_error([&] { datasets::read_mat(file); }, "[mat] " + file.string() + ": ", fragment);
}

// A JPEG of tests/golden that says it has these extents.
std::string jpeg(const char* const name, const int extent) {
  std::string bytes = bytes_of_file(kGolden / "pictures" / name);
  const std::size_t frame = std::min(bytes.find("\xFF\xC0"), bytes.find("\xFF\xC2"));
  for (const std::size_t at : {frame + 5, frame + 7}) {
    bytes[at] = static_cast<char>(extent >> 8);
    bytes[at + 1] = static_cast<char>(extent & 0xFF);
  }
  return bytes;
}

std::string segment(const char marker, const std::string& data) {
  const std::size_t length = data.size() + 2;
  return std::string{'\xFF', marker, static_cast<char>(length >> 8), static_cast<char>(length & 0xFF)} + data;
}

// Segments of a grey JPEG of 8 x `height`: its extents, a table, and a scan up to the end of the picture.
std::string frame(const char marker, const char height) {
  return segment(marker, std::string{'\x8', 0, height, 0, '\x8', 1, 1, '\x11', 0});
}
std::string quantization_table(const char value) { return segment('\xDB', '\0' + std::string(64, value)); }
std::string huffman_table(const char which, const std::string& counts, const std::string& values) {
  return segment('\xC4', which + counts + std::string(16 - counts.size(), '\0') + values);
}
std::string scan(const char tables, const std::string& last, const std::string& data) {
  return segment('\xDA', std::string{1, 1, tables} + last) + data + "\xFF\xD9";
}

const std::string kStart = "\xFF\xD8";
const std::string kZero(1, '\0');
const std::string kOne(1, '\1');               // of the tables: one code, of one bit
const std::string kSequential("\0\x3F\0", 3);  // of the scans: all coefficients
const std::string kOnlyDc("\0\0\0", 3);

// Shrinks and restores the file again and again while `read` is called; it may succeed or name the file.
void check_while_size_changes(const Path& file, const std::string& where, const std::function<void()>& read) {
  constexpr int kTimes = 100;
  const std::string whole = bytes_of_file(file);
  std::thread changes([&] {
    for (int i = 0; i < kTimes; ++i) {
      std::filesystem::resize_file(file, whole.size() / 2);
      std::this_thread::yield();
      write(file, whole);
      write(file, whole + "more");
      std::this_thread::yield();
      write(file, whole);
    }
  });
  int refused = 0;
  for (int i = 0; i < kTimes; ++i) {
    try {
      read();
    } catch (const std::runtime_error& error) {
      ++refused;
      BOOST_CHECK_MESSAGE(std::string(error.what()).starts_with("[" + where + "] " + file.string() + ": "),
                          error.what());
    }
  }
  changes.join();
  BOOST_TEST_MESSAGE(file.filename() << ": " << refused << " of " << kTimes << " readings refused");
  read();  // it is whole again
}

std::vector<float> last_image(const datasets::Dataset& set) {
  std::vector<float> chw(static_cast<std::size_t>(3 * set.image_size() * set.image_size()));
  set.read_image(set.size() - 1, chw);
  return chw;
}

}  // namespace

BOOST_AUTO_TEST_CASE(picture_of_more_pixels_than_its_bytes_can_hold_is_refused) {
  std::string png = bytes_of_file(kGolden / "pictures/rgb.png");
  png.replace(12, 4, "CgBI");  // Apple's own kind has other extents there
  check_picture_refused(png, "does not begin with IHDR");
  check_picture_refused(bytes_of_file(kSeeds / "huge.png"), "60000 x 60000 pixels are not in 1 .. 100000000");
  check_picture_refused(bytes_of_file(kSeeds / "largest.png"), "announces 10000 x 10000 pixels, more than its ");

  for (const char* const name : {"ycc420.jpg", "progressive.jpg"}) {
    check_picture_refused(jpeg(name, 60000), "60000 x 60000 pixels are not in 1 .. 100000000");
    check_picture_refused(jpeg(name, 9000), "announces 9000 x 9000 pixels, more than its ");
    std::string stuffed = jpeg(name, 9000);  // the decoder passes over what stands between segments
    stuffed.insert(std::min(stuffed.find("\xFF\xC0"), stuffed.find("\xFF\xC2")), "x");
    check_picture_refused(stuffed, "announces 9000 x 9000 pixels, more than its ");
  }

  std::string bmp = bytes_of_file(kGolden / "pictures/rgb.bmp");
  bmp[23] = 4;  // height += 1024
  check_picture_refused(bmp, "cut short");
  bmp.replace(18, 8, std::string("\x60\xEA\0\0\x60\xEA\0\0", 8));
  check_picture_refused(bmp, "60000 x 60000 pixels are not in 1 .. 100000000");
}

BOOST_AUTO_TEST_CASE(header_of_two_gib_is_refused) {
  const std::string two_gib = std::string("\0\0\0\x80", 4);
  std::string bmp = bytes_of_file(kGolden / "pictures/rgb.bmp");
  check_picture_refused(bmp.replace(14, 4, two_gib), "is a BMP of a rare kind or damaged");
  std::string png = bytes_of_file(kGolden / "pictures/rgb.png");
  check_picture_refused(png.replace(8, 4, std::string(two_gib.rbegin(), two_gib.rend())), "cut short");
  const std::string before = std::string("\6\0\0\0\x08\0\0\0\6\0\0\0\0\0\0\0\5\0\0\0", 20);
  check_mat_refused(std::string("\x0E\0\0\0", 4) + two_gib + before, "announces an element of 2147483648 bytes where");
  const TemporaryDirectory directory;
  const Path tensors = directory.file("x.safetensors", two_gib + std::string(4, '\0') + "{}");
  check_error([&] { nn::read_safetensors(tensors); }, "[safetensors] " + tensors.string() + ": ",
              "announce a header of 2147483648 bytes, over the limit of 100000000");
}

BOOST_AUTO_TEST_CASE(huffman_table_of_over_255_codes_is_refused) {  // stb 2.27 would write behind its own
  for (const char* const name : {"ycc420.jpg", "progressive.jpg"}) {
    std::string bytes = bytes_of_file(kGolden / "pictures" / name);
    const std::size_t table = bytes.find("\xFF\xC4") + 4;
    bytes.replace(table + 1, 16, std::string(16, '\xFF'));
    check_picture_refused(bytes, "the Huffman table at byte " + std::to_string(table) + " has 4080 codes");
    check_picture_refused(bytes.substr(0, table + 4), "has 765 codes");  // and zeros behind the end of the file
  }
  // stb takes the last of 256 for a code of over nine bits.
  const std::string many =
      huffman_table(0, std::string(7, '\0') + "\xFF\1", std::string(256, '\0')) + huffman_table(16, kOne, kZero);
  check_picture_refused(
      kStart + quantization_table(1) + frame('\xC0', 8) + many + scan(0, kSequential, std::string("\xFF\0\0\0", 4)),
      "has 256 codes instead of 255 at most");
}

BOOST_AUTO_TEST_CASE(jpeg_that_lacks_a_table_is_refused) {  // stb 2.27 would take whatever its memory holds
  const std::string quantization = quantization_table(1);
  const std::string dc = huffman_table(0, kOne, kZero);
  const std::string ac = huffman_table(16, kOne, kZero);
  const auto check = [](const std::string& segments, const std::string& fragment) {
    check_picture_refused(kStart + segments, fragment + ", which nothing before it defines; it is damaged");
  };
  const std::string sequential = scan(0, kSequential, kZero);
  check(frame('\xC0', 8) + dc + ac + sequential, "the scan at byte 59 needs quantization table 0");
  check(quantization + frame('\xC0', 8) + ac + sequential, "needs DC Huffman table 0");
  check(quantization + frame('\xC0', 8) + dc + sequential, "needs AC Huffman table 0");
  check(quantization + dc + ac + frame('\xC0', 8) + scan('\x23', kSequential, "x"), "needs DC Huffman table 2");
  check(quantization + dc + ac + frame('\xC0', 8) + scan('\x03', kSequential, "x"), "needs AC Huffman table 3");
  check(quantization + dc + frame('\xC2', 8) + scan(0, std::string("\1\x3F\0", 3), "x"), "needs AC Huffman table 0");
  check(quantization + ac + frame('\xC2', 8) + scan(0, kOnlyDc, "x"), "needs DC Huffman table 0");
  const TemporaryDirectory directory;
  for (const std::string& whole : {quantization + dc + ac + frame('\xC0', 8) + sequential,
                                   quantization + dc + frame('\xC2', 8) + scan(0, kOnlyDc, "x")}) {
    BOOST_CHECK_EQUAL(datasets::read_picture(directory.file("picture", kStart + whole)).height, 8);
  }
}

BOOST_AUTO_TEST_CASE(what_no_scan_of_a_jpeg_fills_is_grey) {  // and not what the memory held before
  const std::string three("\x8\0\x8\0\x8\3\1\x11\0\2\x11\0\3\x11\0", 15);
  const std::string bytes =
      kStart + quantization_table(1) + huffman_table(0, kOne, kZero) + segment('\xC2', three) + scan(0, kOnlyDc, "x");
  const TemporaryDirectory directory;
  const datasets::Picture picture = datasets::read_picture(directory.file("picture", bytes));
  BOOST_CHECK(picture.rgb == std::vector<std::uint8_t>(8 * 8 * 3, 128));
}

// The difference of every block is the largest of 15 bits: what they add up to times 65535, or 2^13, does not fit. The second's
// scan has numbers of both kinds, which newer versions of stb refuse.
BOOST_AUTO_TEST_CASE(jpeg_whose_numbers_overflow_is_a_picture_or_refused) {
  const std::string quantization = segment('\xDB', '\x10' + std::string(128, '\xFF'));
  const std::string dc = huffman_table(0, kOne, "\x0F");
  std::string blocks;
  for (int i = 0; i < 16; ++i) blocks += std::string("\x7F\xFF\0", 3);  // 0, then 15 ones
  const std::string two_with_ac("\x7F\xFF\0\x3F\xFF\0\x80", 7);         // 0, 15 ones, 0; and again
  const TemporaryDirectory directory;
  for (const std::string& bytes :
       {quantization + dc + huffman_table(16, kOne, kZero) + frame('\xC0', 16) + scan(0, kSequential, two_with_ac),
        quantization + dc + frame('\xC2', 127) + scan(0, std::string("\0\0\x0D", 3), blocks)}) {
    try {
      BOOST_CHECK_EQUAL(datasets::read_picture(directory.file("picture", kStart + bytes)).width, 8);
    } catch (const std::runtime_error& error) {
      BOOST_CHECK_NE(std::string(error.what()).find("can't merge dc and ac"), std::string::npos);
    }
  }
}

BOOST_AUTO_TEST_CASE(jpeg_of_very_many_scans_is_refused) {
  std::string bytes = bytes_of_file(kGolden / "pictures/progressive.jpg");
  const std::size_t scan = bytes.rfind("\xFF\xDA");
  const std::string last = bytes.substr(scan, bytes.rfind("\xFF\xD9") - scan);
  for (int i = 0; i < 100; ++i) bytes.insert(scan, last);
  check_picture_refused(bytes, "has over 100 scans");
}

BOOST_AUTO_TEST_CASE(unpacking_takes_no_more_memory_than_a_file_can_hold) {
  const TemporaryDirectory directory;
  const std::string gzip("\x1F\x8B\x08\0\0\0\0\0\0\3\x4B\4\0\x43\xBE\xB7\xE8\1\0\0\0", 21);  // "a"
  engine::ByteSource source(directory.file("a.gz", gzip), "test");
  const std::vector<std::uint8_t> bytes = source.read_all(100);
  BOOST_CHECK_EQUAL(bytes.size(), 1u);
  BOOST_CHECK_LE(bytes.capacity(), 21u * 1032 + 1);
}

BOOST_AUTO_TEST_CASE(text_of_endless_lines_is_refused) {
  const TemporaryDirectory directory;
  const Path file = directory.file("x.txt", std::string(1 << 22, '\n'));
  const std::string where = "[files] " + file.string() + ": ";
  check_error([&] { datasets::read_lines(file); }, where, "has over 4194304 lines");
  directory.file("x.txt", "short\n" + std::string(4097, 'x') + "\n");
  check_error([&] { datasets::read_lines(file); }, where, "line 2 is longer than 4096 bytes");
  directory.file("x.txt", std::string(4096, 'x') + std::string(1000, '\n'));
  BOOST_CHECK_EQUAL(datasets::read_lines(file).size(), 1u);
}

BOOST_AUTO_TEST_CASE(cells_names_and_numbers_of_a_mat_file_are_counted) {
  std::string cells;
  for (int i = 0; i <= 1'000'000; ++i) cells += mat_element(14, "");  // empty ones
  check_mat_refused(tests::mat_packed(mat_matrix(1, {1, 1'000'001}, "c", cells)), "holds over a million cells");
  const std::string length = mat_element(5, std::string("\1\0\0\0", 4));
  check_mat_refused(tests::mat_packed(mat_matrix(2, {0, 0}, "s", length + mat_element(1, std::string(1'000'001, 'n')))),
                    "holds over a million cells");
  check_mat_refused(mat_matrix(6, {1, (1 << 27) + 1}, "x", mat_element(2, "few")),
                    "holds over 134217728 numbers that are no bytes");
}

BOOST_AUTO_TEST_CASE(annotation_whose_class_is_an_empty_text_is_refused) {
  const TemporaryDirectory directory;
  write(directory.path() / "devkit/cars_meta.mat", bytes_of_file(kGolden / "cars_meta.mat"));
  const Path list = directory.path() / "devkit/cars_train_annos.mat";
  const std::string names = std::string("fname\0\0\0class\0\0\0", 16);
  write(list, tests::mat_file(mat_matrix(2, {1, 1}, "annotations",
                                         mat_element(5, std::string("\x08\0\0\0", 4)) + mat_element(1, names) +
                                             mat_matrix(4, {1, 5}, "", mat_element(16, "1.jpg")) +
                                             mat_matrix(4, {1, 1}, "", mat_element(16, "")))));
  check_error([&] { datasets::load_stanford_cars(directory.path(), Split::train, 2); },
              "[stanford_cars] " + list.string() + ": ", "annotation 1 lacks its fname or class");
}

BOOST_AUTO_TEST_CASE(every_kind_of_list_keeps_to_its_folder) {
  const TemporaryDirectory directory;
  const Path& root = directory.path();
  write(root / "secret/secret_1.ppm", "P6 1 1 255\n...");
  for (const char* const pictures :
       {"dtd/images/c", "sun/c", "land/NWPU-RESISC45/c", "signs/Final_Test/Images", "cars/cars_train"}) {
    std::filesystem::create_directories(root / pictures);
    std::filesystem::create_directory_symlink(root / "secret", root / pictures / "out");
  }
  std::filesystem::create_directory_symlink(root / "secret", root / "land/NWPU-RESISC45/secret");
  std::filesystem::create_directories(root / "signs/Final_Training/Images/00000");
  write(root / "cars/devkit/cars_meta.mat", bytes_of_file(kGolden / "cars_meta.mat"));
  const auto annotation = [](const std::string& name) {
    return tests::mat_file(mat_matrix(
        2, {1, 1}, "annotations",
        mat_element(5, std::string("\x08\0\0\0", 4)) + mat_element(1, std::string("fname\0\0\0class\0\0\0", 16)) +
            mat_matrix(4, {1, static_cast<std::uint32_t>(name.size())}, "", mat_element(16, name)) +
            mat_matrix(9, {1, 1}, "", mat_element(2, "\1"))));
  };
  struct Kind {
    const char* folder;
    const char* list;
    std::function<void(const Path&)> load;
    std::function<std::string(const std::string&)> text;
    std::vector<std::string> names;
  };
  const auto plain = [](const std::string& name) { return name + "\n"; };
  const auto table = [](const std::string& name) { return "Filename;ClassId\n" + name + ";0\n"; };
  const std::vector<Kind> kinds = {{"dtd",
                                    "labels/train1.txt",
                                    [](const Path& p) { datasets::load_dtd(p, Split::train, 2); },
                                    plain,
                                    {"../../secret/secret_1.ppm", "/etc/passwd", "c/out/secret_1.ppm"}},
                                   {"sun",
                                    "Training_01.txt",
                                    [](const Path& p) { datasets::load_sun397(p, Split::train, 2); },
                                    plain,
                                    {"/../secret/secret_1.ppm", "//etc/passwd", "c/out/secret_1.ppm"}},
                                   {"land",
                                    "resisc45-train.txt",
                                    [](const Path& p) { datasets::load_resisc45(p, Split::train, 2); },
                                    plain,
                                    {"../../secret/secret_1.ppm", "/etc/host_name", "secret_1.ppm"}},
                                   {"signs",
                                    "GT-final_test.csv",
                                    [](const Path& p) { datasets::load_gtsrb(p, Split::test, 2); },
                                    table,
                                    {"../../../secret/secret_1.ppm", "/etc/passwd", "out/secret_1.ppm"}},
                                   {"cars",
                                    "devkit/cars_train_annos.mat",
                                    [](const Path& p) { datasets::load_stanford_cars(p, Split::train, 2); },
                                    annotation,
                                    {"../../secret/secret_1.ppm", "/etc/passwd", "out/secret_1.ppm"}}};
  for (const Kind& kind : kinds) {
    const Path list = root / kind.folder / kind.list;
    for (const std::string& name : kind.names) {
      write(list, kind.text(name));
      check_error([&] { kind.load(root / kind.folder); }, "[files] " + list.string() + ": ", "', which leaves ");
    }
  }
}

BOOST_AUTO_TEST_CASE(folder_that_holds_itself_is_refused) {
  const TemporaryDirectory directory;
  const Path train = directory.path() / "train";
  write(train / "a/1.ppm", "P6 1 1 255\n...");
  std::filesystem::create_directory(directory.path() / "test");
  const auto load = [&] { datasets::load_class_folders(directory.path(), Split::train, 2); };
  const auto refused = [&](const Path& link, const Path& target, const Path& named, const std::string& fragment) {
    std::filesystem::create_directory_symlink(target, link);
    check_error(load, "[files] " + named.string() + ": ", fragment);
    std::filesystem::remove(link);
  };
  refused(train / "self", "self", train / "self", "cannot be followed: Too many levels of symbolic links");
  refused(train / "a/self", "self", train / "a/self", "cannot be followed: Too many levels of symbolic links");
  refused(train / "a/up", "..", train / "a/up/a", "is reached twice through symbolic links");
  refused(train / "b", ".", train / "b/b", "is reached twice through symbolic links");
  load();
}

BOOST_AUTO_TEST_CASE(file_that_changes_its_size_is_never_taken_for_whole) {
  const TemporaryDirectory directory;
  const std::string image(400 * 400, '\xFF');
  directory.file("t10k-labels-idx1-ubyte", std::string("\0\0\x08\x01\0\0\0\1\0", 9));
  const Path idx =
      directory.file("t10k-images-idx3-ubyte", std::string("\0\0\x08\x03\0\0\0\1\0\0\1\x90\0\0\1\x90", 16) + image);
  const auto all_white = [](const std::vector<float>& chw) {
    return std::ranges::all_of(chw, [](const float x) { return x == 1.0f; });
  };
  check_while_size_changes(idx, "idx", [&] {
    BOOST_CHECK(all_white(last_image(*datasets::load_idx_folder(directory.path(), Split::test, 2))));
  });

  std::string records;
  for (int i = 0; i < 60; ++i) records += '\0' + std::string(3072, '\xFF');
  directory.file("batches.meta.txt", "a\n");
  const Path cifar = directory.file("test_batch.bin", records);
  check_while_size_changes(cifar, "cifar", [&] {
    const auto set = datasets::load_cifar10(directory.path(), Split::test, 2);
    BOOST_CHECK(all_white(last_image(*set)));
  });

  const Path picture = directory.file("x.png", bytes_of_file(kGolden / "pictures/rgb.png"));
  const auto sound = datasets::read_picture(picture);
  check_while_size_changes(picture, "decode", [&] { BOOST_CHECK(datasets::read_picture(picture).rgb == sound.rgb); });

  const Path mat = directory.file("x.mat", bytes_of_file(kGolden / "cars_annos.mat"));
  const std::size_t variables = datasets::read_mat(mat).size();
  check_while_size_changes(mat, "mat", [&] { BOOST_CHECK_EQUAL(datasets::read_mat(mat).size(), variables); });

  const std::string header = R"({"x":{"dtype":"I64","shape":[20000],"data_offsets":[0,160000]}} )";
  const Path tensors =
      directory.file("x.safetensors", std::string{'\x40', 0, 0, 0, 0, 0, 0, 0} + header + std::string(160'000, '\xFF'));
  check_while_size_changes(tensors, "safetensors", [&] {
    const engine::Tensor x = nn::read_safetensors(tensors).tensors.at("x");
    const std::span<const std::int64_t> values(x.data<std::int64_t>(), static_cast<std::size_t>(x.numel()));
    BOOST_CHECK(values.size() == 20'000 && std::ranges::count(values, -1) == 20'000);
  });
}

BOOST_AUTO_TEST_SUITE_END()
