// Element types, to the bit; a mapped file beside one that is read; a file written tensor by tensor.
#include "nn/safetensors_map.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>

#include "engine/tensor/brain_float.hpp"
#include "engine/tensor/random.hpp"
#include "nn/safetensors_elements.hpp"
#include "nn/safetensors_writer.hpp"
#include "tests/support/check_error.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/support/tensors.hpp"

using engine::Tensor;
using tests::TemporaryDirectory;

BOOST_AUTO_TEST_SUITE(safetensors_map)

BOOST_AUTO_TEST_CASE(every_half_goes_to_f32_and_back_to_the_bit) {
  for (std::uint32_t bits = 0; bits < 65536; ++bits) {
    const std::uint16_t half = static_cast<std::uint16_t>(bits);
    const float wide = nn::float_of_f16(half);
    if (std::isnan(wide)) {
      BOOST_REQUIRE(std::isnan(nn::float_of_f16(nn::f16_of_float(wide))));
    } else {
      BOOST_REQUIRE_EQUAL(nn::f16_of_float(wide), half);
    }
    const float brain = engine::float_of_bf16(half);
    if (std::isnan(brain)) {
      BOOST_REQUIRE(std::isnan(engine::float_of_bf16(engine::bf16_of_float(brain))));
    } else {
      BOOST_REQUIRE_EQUAL(engine::bf16_of_float(brain), half);
    }
  }
}

BOOST_AUTO_TEST_CASE(narrowing_rounds_to_the_nearest_ties_to_even) {
  BOOST_CHECK_EQUAL(nn::f16_of_float(65519.0F), 0x7BFF);
  BOOST_CHECK_EQUAL(nn::f16_of_float(65520.0F), 0x7C00);
  BOOST_CHECK_EQUAL(nn::f16_of_float(0x1p-25F), 0x0000);
  BOOST_CHECK_EQUAL(nn::f16_of_float(0x1.8p-24F), 0x0002);
  BOOST_CHECK_EQUAL(nn::f16_of_float(1.0F + 0x1p-11F), 0x3C00);
  BOOST_CHECK_EQUAL(nn::f16_of_float(1.0F + 0x1.8p-10F), 0x3C02);
  BOOST_CHECK_EQUAL(nn::f16_of_float(-3.140625F), 0xC248);
  BOOST_CHECK_EQUAL(engine::bf16_of_float(1.0F + 0x1p-8F), 0x3F80);
  BOOST_CHECK_EQUAL(engine::bf16_of_float(1.0F + 0x1.8p-7F), 0x3F82);
  BOOST_CHECK_EQUAL(engine::bf16_of_float(-std::numeric_limits<float>::infinity()), 0xFF80);
  engine::Random random(1);
  for (int i = 0; i < 10000; ++i) {  // no other half is nearer
    const float value = static_cast<float>(random.normal() * std::exp2(20.0 * random.normal() / 3.0 - 4.0));
    if (std::abs(value) > 60000.0F) continue;
    const std::uint16_t half = nn::f16_of_float(value);
    const double distance = std::abs(static_cast<double>(value) - static_cast<double>(nn::float_of_f16(half)));
    for (const int step : {-1, 1}) {
      const std::uint16_t neighbour = static_cast<std::uint16_t>(half + step);
      const double other = std::abs(static_cast<double>(value) - static_cast<double>(nn::float_of_f16(neighbour)));
      if (!std::isnan(other)) BOOST_REQUIRE_LE(distance, other);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_mapped_file_holds_what_a_read_one_does) {
  const TemporaryDirectory folder;
  const std::filesystem::path file = folder.path() / "x.safetensors";
  engine::Random random(2);
  nn::write_safetensors(file,
                        {{"a", tests::random_tensor({3, 4}, random, 1.0, engine::DType::f32)},
                         {"b", tests::random_tensor({5}, random)},
                         {"empty", Tensor::zeros({0, 2})},
                         {"scalar", Tensor::full({}, 2.5)}},
                        {{"format", "pt"}});
  const nn::SafetensorsMap map(file);
  const nn::NamedTensors read = nn::read_safetensors(file).tensors;
  BOOST_CHECK_EQUAL(map.metadata().at("format"), "pt");
  BOOST_CHECK_EQUAL(map.tensors().size(), read.size());
  for (const auto& [name, mapped] : map.tensors()) {
    BOOST_CHECK(mapped.shape == read.at(name).shape());
    std::vector<float> values(static_cast<std::size_t>(mapped.shape.numel()));
    nn::decode_floats(mapped.type, mapped.bytes.data(), values);
    nn::release_pages(mapped.bytes);
    const Tensor wide = Tensor::from<float>(values, mapped.shape);
    tests::check_same_bits(wide, read.at(name).to(engine::DType::f32), name);
  }
}

BOOST_AUTO_TEST_CASE(a_mapped_file_is_checked_as_a_read_one_is) {
  const TemporaryDirectory folder;
  const std::filesystem::path file = folder.file("x.safetensors", "short");
  tests::check_error([&] { nn::SafetensorsMap map(file); }, "[safetensors] " + file.string() + ": ",
                     "at least 8 bytes");
  tests::check_error([&] { nn::SafetensorsMap map(folder.path()); }, "[safetensors] ", "is not a file");
}

BOOST_AUTO_TEST_CASE(a_file_that_is_not_written_to_its_end_does_not_appear) {
  const TemporaryDirectory folder;
  const std::filesystem::path file = folder.path() / "x.safetensors";
  {
    nn::SafetensorsWriter writer(file, {{"a", "BF16", {2}}}, {});
    BOOST_CHECK_THROW(writer.commit(), std::logic_error);
  }
  BOOST_CHECK_EQUAL(folder.file_count(), 0u);
}

BOOST_AUTO_TEST_SUITE_END()
