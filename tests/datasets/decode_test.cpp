// Pictures of every kind against Pillow (tests/golden/make_pictures.py), and what must be refused.
#include "datasets/decode.hpp"

#include <zlib.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <vector>

#include "datasets/image.hpp"
#include "engine/tensor/byte_source.hpp"
#include "tests/support/check_error.hpp"
#include "tests/support/temporary_directory.hpp"

BOOST_AUTO_TEST_SUITE(decode)

namespace {

using datasets::Picture;
using datasets::read_picture;
using tests::bytes_of_file;
using tests::TemporaryDirectory;

const std::filesystem::path kSharedData = TANGENT_SHARED_DATA;
const std::filesystem::path kPictures = std::filesystem::path(TANGENT_GOLDEN_DIR) / "pictures";

void check_refused(const std::string& bytes, const std::string& fragment, const std::string& where = "decode") {
  const TemporaryDirectory directory;
  const std::filesystem::path file = directory.file("picture", bytes);
  tests::check_error([&] { read_picture(file); }, "[" + where + "] " + file.string() + ": ", fragment);
}

std::span<const std::uint8_t> bytes_of(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::string big_endian(const std::uint32_t number) {
  std::string bytes;
  for (const int shift : {24, 16, 8, 0}) bytes += static_cast<char>(number >> shift & 0xFFu);
  return bytes;
}

std::string chunk(const std::string& type, const std::string& data) {
  const std::string both = type + data;
  const auto crc = crc32(0, reinterpret_cast<const Bytef*>(both.data()), static_cast<uInt>(both.size()));
  return big_endian(static_cast<std::uint32_t>(data.size())) + both + big_endian(static_cast<std::uint32_t>(crc));
}

std::string packed(const std::string& plain) {
  std::string bytes(compressBound(static_cast<uLong>(plain.size())), '\0');
  uLongf size = static_cast<uLongf>(bytes.size());
  compress(reinterpret_cast<Bytef*>(bytes.data()), &size, reinterpret_cast<const Bytef*>(plain.data()),
           static_cast<uLong>(plain.size()));
  return bytes.substr(0, size);
}

std::string png(const std::uint32_t width, const std::uint32_t height, const std::string& data, const char colour = 2,
                const std::string& chunks = "") {
  const std::string header = big_endian(width) + big_endian(height) + std::string{8, colour, 0, 0, 0};
  return "\x89PNG\r\n\x1A\n" + chunk("IHDR", header) + chunks + chunk("IDAT", packed(data)) + chunk("IEND", "");
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_kind_gives_the_pixels_of_pillow) {
  int kinds = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kPictures)) {
    const std::filesystem::path expected_file = entry.path().string() + ".ppm";
    if (!std::filesystem::exists(expected_file)) continue;  // it is itself the expected one
    ++kinds;
    const Picture picture = read_picture(entry.path());
    const Picture expected = read_picture(expected_file);
    BOOST_REQUIRE_EQUAL(picture.height, expected.height);
    BOOST_REQUIRE_EQUAL(picture.width, expected.width);
    // Two JPEG decoders round differently: 3 levels without colour subsampling. With it, stb interpolates chroma by
    // another filter at the borders.
    const std::string name = entry.path().filename().string();
    const int allowed = name == "ycc420.jpg" ? 6 : name.ends_with(".jpg") ? 3 : 0;
    for (std::size_t i = 0; i < expected.rgb.size(); ++i) {
      BOOST_REQUIRE_MESSAGE(
          std::abs(picture.rgb[i] - expected.rgb[i]) <= allowed,
          name << ": byte " << i << " is " << int{picture.rgb[i]} << ", Pillow has " << int{expected.rgb[i]});
    }
  }
  BOOST_CHECK_EQUAL(kinds, 41);
}

BOOST_AUTO_TEST_CASE(colour_that_a_palette_lacks_is_black) {  // with Pillow 13, too
  const TemporaryDirectory directory;
  const auto file = directory.file("x.png", png(3, 1, std::string("\0\1\5\xC8", 4), 3, chunk("PLTE", "abcdef")));
  BOOST_CHECK(read_picture(file).rgb == (std::vector<std::uint8_t>{'d', 'e', 'f', 0, 0, 0, 0, 0, 0}));

  const auto number = [](const char low) { return std::string{low, 0, 0, 0}; };
  const std::string bmp = "BM" + number(66) + number(0) + number(62) + number(40) + number(3) + number(1) +
                          std::string("\1\0\x8\0", 4) + number(0) + number(4) + number(0) + number(0) + number(2) +
                          number(0) + std::string("abc\0def\0\1\5\xC8\0", 12);
  BOOST_CHECK(read_picture(directory.file("x.bmp", bmp)).rgb ==
              (std::vector<std::uint8_t>{'f', 'e', 'd', 0, 0, 0, 0, 0, 0}));
}

BOOST_AUTO_TEST_CASE(written_png_is_read_back) {
  const TemporaryDirectory directory;
  std::vector<std::uint8_t> rgb(5 * 4 * 3);
  for (std::size_t i = 0; i < rgb.size(); ++i) rgb[i] = static_cast<std::uint8_t>(7 * i);
  datasets::write_png(directory.path() / "x.png", 5, 4, rgb);
  const Picture picture = read_picture(directory.path() / "x.png");
  BOOST_CHECK_EQUAL(picture.width, 5);
  BOOST_CHECK_EQUAL(picture.height, 4);
  BOOST_CHECK(picture.rgb == rgb);
}

BOOST_AUTO_TEST_CASE(file_cut_short_anywhere_is_refused) {
  struct Whole {
    const char* name;
    std::size_t idle;  // bytes at the end that fill the last row up to a multiple of four
    const char* where;
  };
  for (const auto& [name, idle, where] :
       {Whole{"rgb.png", 0, "decode"}, Whole{"grey16.png", 0, "decode"}, Whole{"palette.bmp", 3, "decode"},
        Whole{"rgb.bmp", 1, "decode"}, Whole{"ycc420.jpg", 0, "decode"}, Whole{"progressive.jpg", 0, "decode"},
        Whole{"cmyk.jpg", 0, "decode"}, Whole{"rgb_255.ppm", 0, "pnm"}, Whole{"grey_1000.pgm", 0, "pnm"}}) {
    const std::string whole = bytes_of_file(kPictures / name);
    for (std::size_t length = 1; length < whole.size() - idle; ++length) {
      const TemporaryDirectory directory;
      const std::filesystem::path file = directory.file("picture", whole.substr(0, length));
      std::string message;
      try {
        read_picture(file);
      } catch (const std::runtime_error& error) {
        message = error.what();
      }
      BOOST_REQUIRE_MESSAGE(message.find(file.string()) != std::string::npos,
                            name << " cut to " << length << " of " << whole.size() << " bytes: '" << message << "'");
    }
    check_refused(whole.substr(0, whole.size() - idle - 1), "cut short", where);
  }
}

// Whatever stb makes of it, nothing undefined happens: these are for the sanitizers.
BOOST_AUTO_TEST_CASE(jpeg_that_ends_early_is_a_picture_or_an_error) {
  for (const char* name : {"ycc420.jpg", "progressive.jpg", "cmyk.jpg"}) {
    const std::string whole = bytes_of_file(kPictures / name);
    for (std::size_t at = 2; at + 2 <= whole.size(); ++at) {
      std::string damaged = whole;
      damaged.replace(at, 2, "\xFF\xD9");  // the marker of the end
      try {
        BOOST_TEST(datasets::decode_picture(bytes_of(damaged), name).width > 0);
      } catch (const std::runtime_error& error) {
        BOOST_TEST(std::string(error.what()).find(name) != std::string::npos);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(damaged_png_is_refused) {
  const std::string whole = bytes_of_file(kPictures / "rgb.png");
  for (std::size_t i = 8; i < whole.size(); ++i) {  // whichever byte is changed
    std::string damaged = whole;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    const TemporaryDirectory directory;
    const std::filesystem::path file = directory.file("picture", damaged);
    BOOST_REQUIRE_THROW(read_picture(file), std::runtime_error);
  }
  std::string damaged = whole;
  damaged[50] = static_cast<char>(damaged[50] ^ 1);
  check_refused(damaged, "the chunk at byte 33 does not match its check sum");
}

BOOST_AUTO_TEST_CASE(chunk_that_must_be_known_is_refused_and_others_are_skipped) {
  const std::string whole = bytes_of_file(kPictures / "rgb.png");
  const auto with_chunk = [&](const std::string& name) {
    const auto sum = static_cast<std::uint32_t>(crc32(0, reinterpret_cast<const Bytef*>(name.data()), 4));
    std::string chunk = std::string(4, '\0') + name;
    for (int shift = 24; shift >= 0; shift -= 8) chunk += static_cast<char>(sum >> shift);
    return whole.substr(0, 33) + chunk + whole.substr(33);
  };
  check_refused(with_chunk("ABCD"), "has at byte 33 a chunk 'ABCD' that must be known and is not");
  const TemporaryDirectory directory;
  BOOST_CHECK(read_picture(directory.file("picture", with_chunk("abCD"))).rgb ==
              read_picture(kPictures / "rgb.png").rgb);
}

BOOST_AUTO_TEST_CASE(hostile_extents_are_refused_before_memory_is_taken) {
  check_refused(png(60000, 60000, "x"), "60000 x 60000 pixels are not in 1 .. 100000000");
  check_refused(png(20, 20, "x"), "cannot be decoded (not enough pixels)");
  check_refused("P6 60000 60000 255\nx", "60000 x 60000 pixels are over the limit", "pnm");
  check_refused("P6 99999999999999999999 1 255\nx", "the width is over the limit of 100000000 (byte 3)", "pnm");
  check_refused("P5 5 4 255\n" + std::string(21, 'x'), "need 20 bytes, but 21 follow; it is damaged", "pnm");
  check_refused("P5 5 4 255\n" + std::string(19, 'x'), "need 20 bytes, but 19 follow; it is cut short", "pnm");
  check_refused("P5 5 0 255\nx", "the height must be a positive number (byte 5)", "pnm");
  check_refused("P5 5 4 65536\nx", "the largest value is over the limit of 65535", "pnm");
  check_refused("P5 5 4 255x" + std::string(20, 'x'), "does not end at byte 10", "pnm");
  check_refused("P5 5 -4 255\nx", "must be a positive number", "pnm");
  check_refused("P5 # a comment without end", "cut short", "pnm");
  std::string bmp = bytes_of_file(kPictures / "rgb.bmp");
  bmp[18 + 3] = 0x10;  // width += 2^28
  check_refused(bmp, "pixels are not in 1 .. ");
}

BOOST_AUTO_TEST_CASE(what_is_no_picture_is_named) {
  check_refused("", "is empty");
  check_refused("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "is a Git LFS pointer");
  check_refused("GIF89a.......", "looks like a GIF file; convert it");
  check_refused(std::string("II*\0", 4) + "....", "looks like a TIFF");
  check_refused("RIFF....WEBPVP8 ", "looks like a WebP");
  check_refused("<!DOCTYPE html>", "looks like a web page");
  check_refused("P3 1 1 255 0 0 0", "looks like a plain PNM");
  std::string strange = png(1, 1, std::string(4, '\0'));
  strange.insert(33, chunk("\x1B\n\x9BX", ""));  // a message must not carry them to a terminal
  check_refused(strange, "has at byte 33 a chunk '???X' that must be known");
  check_refused("anything", "is no PNG, JPEG, BMP or binary PPM file");
  std::string four = bytes_of_file(kPictures / "cmyk.jpg");
  four.replace(four.find("Adobe"), 5, "Other");
  check_refused(four, "has four colour channels without saying which");
  std::string sixteen = bytes_of_file(kPictures / "rgb.bmp");
  sixteen[28] = 16;
  check_refused(sixteen, "is a BMP of 16 bits a pixel");
  std::string os2 = bytes_of_file(kPictures / "palette.bmp");
  os2[14] = 12;  // bytes of the oldest header
  os2[24] = 8;   // bits a pixel in it
  check_refused(os2, "is a BMP of OS/2 with a palette");
}

BOOST_AUTO_TEST_CASE(file_that_changes_while_read_is_refused) {
  const TemporaryDirectory directory;
  const std::string large(300'000, 'x');  // more than is read ahead
  for (const std::size_t new_size : {200'000u, 400'000u}) {
    const std::filesystem::path file = directory.file("large", large);
    engine::ByteSource source(file, "decode");
    std::filesystem::resize_file(file, new_size);
    tests::check_error([&] { source.read_all(1 << 20); }, "[decode] " + file.string() + ": ", "changed its size");
  }
  const std::filesystem::path file = directory.file("large", large);
  BOOST_CHECK_EQUAL(engine::ByteSource(file, "decode").read_all(300'000).size(), 300'000u);
  tests::check_error([&] { engine::ByteSource(file, "decode").read_all(299'999); }, "[decode] " + file.string() + ": ",
                     "more than the limit of 299999 bytes");
}

BOOST_AUTO_TEST_CASE(really_damaged_files_are_refused) {
  const std::filesystem::path damaged = kSharedData / "_damaged";
  if (!std::filesystem::exists(damaged)) {
    BOOST_TEST_MESSAGE("skipped: no " << damaged);
    return;
  }
  const auto check = [&](const char* const name, const std::string& where, const std::string& fragment) {
    tests::check_error([&] { read_picture(damaged / name); }, "[" + where + "] " + (damaged / name).string() + ": ",
                       fragment);
  };
  check("crlf_shifted_speed20.ppm", "pnm", "perhaps by a conversion of line endings");
  check("crlf_shifted_stop_sign.ppm", "pnm", "perhaps by a conversion of line endings");
  check("empty.ppm", "decode", "is empty");
  check("lfs_pointer.jpg", "decode", "is a Git LFS pointer");
}

BOOST_AUTO_TEST_SUITE_END()
