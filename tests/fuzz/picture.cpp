// Pictures of every kind, and the two ways to bring one to size. The check sums of a PNG are put right first: no chance
// change would pass them, and what is behind them would not be tried.
#include <zlib.h>

#include <vector>

#include "datasets/decode.hpp"
#include "datasets/random_crop.hpp"
#include "datasets/resample.hpp"
#include "tests/fuzz/target.hpp"

namespace {

std::size_t big_endian(const std::vector<std::uint8_t>& bytes, const std::size_t at) {
  std::size_t number = 0;
  for (std::size_t i = at; i < at + 4; ++i) number = number << 8 | bytes[i];
  return number;
}

void mend_check_sums(std::vector<std::uint8_t>& bytes) {
  constexpr std::size_t kFrame = 12;  // bytes of a chunk without its data
  if (bytes.size() < 8 || bytes[0] != 0x89) return;
  for (std::size_t at = 8; at + kFrame <= bytes.size();) {
    const std::size_t length = big_endian(bytes, at);
    if (length > bytes.size() - at - kFrame) return;
    const std::size_t sum = crc32(0, bytes.data() + at + 4, static_cast<uInt>(length + 4));
    for (std::size_t i = 0; i < 4; ++i) {
      bytes[at + 8 + length + i] = static_cast<std::uint8_t>(sum >> (24 - 8 * i) & 0xFFu);
    }
    at += length + kFrame;
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* const data, const std::size_t size) {
  constexpr std::int64_t kSize = 5;
  std::vector<std::uint8_t> bytes(data, data + size);
  mend_check_sums(bytes);
  fuzz::attempt("some/picture", [&] {
    const datasets::Picture picture = datasets::decode_picture(bytes, "some/picture");
    if (static_cast<std::int64_t>(picture.rgb.size()) != 3 * picture.height * picture.width || picture.rgb.empty()) {
      fuzz::fail("extents and pixels do not agree");
    }
    std::vector<float> chw(3 * kSize * kSize);
    datasets::to_planes(datasets::resize_and_crop(picture, kSize), chw);
    datasets::to_planes(datasets::random_resized_crop(picture, kSize, 1, 2, static_cast<std::int64_t>(size)), chw);
  });
  return 0;
}
