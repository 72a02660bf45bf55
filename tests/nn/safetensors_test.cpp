// The safetensors format: what we write is what the format says, byte for byte, and every rule of it is checked on
// reading.
#include "nn/safetensors.hpp"

#include <bit>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <functional>
#include <limits>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/tensor/random.hpp"
#include "tests/support/check_error.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/support/tensors.hpp"

BOOST_AUTO_TEST_SUITE(safetensors)

namespace {

using engine::DType;
using engine::Tensor;
using nn::read_safetensors;
using nn::SafetensorsFile;
using nn::write_safetensors;
using tests::bytes_of_file;
using tests::TemporaryDirectory;

template <class T>
std::string bytes_of(const std::vector<T>& values) {
  std::string bytes(values.size() * sizeof(T), '\0');
  if (!values.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

std::string length_bytes(const std::uint64_t length) { return bytes_of(std::vector{length}); }

// A whole file: the length, the header as it stands, the data.
std::string whole(const std::string_view header, const std::string_view data = {}) {
  return length_bytes(header.size()) + std::string(header) + std::string(data);
}

// {"x": {dtype, shape, data_offsets}} with the given texts.
std::string one_entry(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return R"({"x":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}";
}

void check_fails(const std::filesystem::path& path, const std::string& fragment, const std::function<void()>& action) {
  tests::check_error(action, "[safetensors] " + path.string() + ": ", fragment);
}

void check_refused(const std::string_view bytes, const std::string& fragment) {
  const TemporaryDirectory directory;
  const std::filesystem::path path = directory.file("file.safetensors", bytes);
  check_fails(path, fragment, [&] { read_safetensors(path); });
}

SafetensorsFile read_bytes(const std::string_view bytes) {
  const TemporaryDirectory directory;
  return read_safetensors(directory.file("file.safetensors", bytes));
}

SafetensorsFile round_trip(const nn::NamedTensors& tensors, const nn::Metadata& metadata = {}) {
  const TemporaryDirectory directory;
  const std::filesystem::path path = directory.path() / "file.safetensors";
  write_safetensors(path, tensors, metadata);
  BOOST_CHECK_EQUAL(directory.file_count(), 1u);
  return read_safetensors(path);
}

// One F32 tensor attn.0 [1, 2, 3], the reference crate's own example.
const std::string kExampleHeader = R"({"attn.0":{"dtype":"F32","shape":[1,2,3],"data_offsets":[0,24]}})";

std::string example() { return whole(kExampleHeader, bytes_of(std::vector<float>{0, 1, 2, 3, 4, 5})); }

Tensor example_tensor() { return Tensor::from<float>({0, 1, 2, 3, 4, 5}, {1, 2, 3}); }

}  // namespace

BOOST_AUTO_TEST_CASE(example_of_the_reference_is_written_byte_for_byte) {
  const TemporaryDirectory directory;
  const std::filesystem::path path = directory.path() / "example.safetensors";
  write_safetensors(path, {{"attn.0", example_tensor()}});
  BOOST_CHECK_EQUAL(kExampleHeader.size(), 64u);
  BOOST_CHECK_EQUAL(std::filesystem::file_size(path), 96u);
  BOOST_CHECK(bytes_of_file(path) == example());
  tests::check_same_bits(read_safetensors(path).tensors.at("attn.0"), example_tensor(), "attn.0");
}

BOOST_AUTO_TEST_CASE(larger_elements_come_first_then_names_and_the_header_is_padded) {
  const TemporaryDirectory directory;
  const std::filesystem::path path = directory.path() / "order.safetensors";
  write_safetensors(path,
                    {{"a", Tensor::from<float>({1}, {1})},
                     {"b", Tensor::from<double>({2}, {})},
                     {"c", Tensor::from<float>({3}, {})},
                     {"d", Tensor::from<std::int64_t>({4}, {1})}},
                    {{"format", "pt"}});
  std::string header =
      R"({"__metadata__":{"format":"pt"},)"
      R"("b":{"dtype":"F64","shape":[],"data_offsets":[0,8]},"d":{"dtype":"I64","shape":[1],"data_offsets":[8,16]},)"
      R"("a":{"dtype":"F32","shape":[1],"data_offsets":[16,20]},"c":{"dtype":"F32","shape":[],"data_offsets":[20,24]}})";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  const std::string data =
      bytes_of(std::vector{2.0}) + bytes_of(std::vector<std::int64_t>{4}) + bytes_of(std::vector{1.0f, 3.0f});
  BOOST_CHECK_EQUAL(bytes_of_file(path), whole(header, data));
}

BOOST_AUTO_TEST_CASE(every_type_and_shape_survives_the_round_trip) {
  engine::Random random(11);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float inf = std::numeric_limits<float>::infinity();
  const nn::NamedTensors tensors = {
      {"f32", tests::random_tensor({2, 3, 4}, random, 1.0, DType::f32)},
      {"f64", tests::random_tensor({5, 1, 2, 1, 2, 1}, random)},
      {"i64", Tensor::from<std::int64_t>({std::numeric_limits<std::int64_t>::min(), -1, 0, 49407}, {2, 2})},
      {"scalar", Tensor::full({}, 4.6052)},
      {"empty", Tensor::empty({3, 0, 2})},
      {"also empty", Tensor::empty({0}, DType::i64)},
      {"special", Tensor::from<float>({nan, inf, -inf, -0.0f, 1e-45f}, {5})},
      {"", Tensor::full({1}, 1.0)},
      {"\"quotes\"\\ and \n and ö", Tensor::full({1}, 2.0)},
  };
  const nn::Metadata metadata = {{"format", "pt"}, {"step", "12\n\t\"x\""}, {"", "れ"}};
  const SafetensorsFile file = round_trip(tensors, metadata);
  BOOST_CHECK(file.metadata == metadata);
  BOOST_REQUIRE_EQUAL(file.tensors.size(), tensors.size());
  for (const auto& [name, tensor] : tensors) tests::check_same_bits(file.tensors.at(name), tensor, name);
}

BOOST_AUTO_TEST_CASE(strided_tensor_is_written_row_major) {
  const Tensor dense = Tensor::from<float>({1, 2, 3, 4, 5, 6}, {2, 3});
  const SafetensorsFile file = round_trip({{"x", dense.permute({1, 0})}});
  tests::check_same_bits(file.tensors.at("x"), Tensor::from<float>({1, 4, 2, 5, 3, 6}, {3, 2}), "x");
}

BOOST_AUTO_TEST_CASE(file_without_tensors_is_legal) {
  BOOST_CHECK(round_trip({}).tensors.empty());
  BOOST_CHECK(read_bytes(whole("{}")).tensors.empty());
  BOOST_CHECK(read_bytes(whole(R"({"__metadata__":{}})")).metadata.empty());
}

BOOST_AUTO_TEST_CASE(half_precision_is_widened_exactly) {
  const std::vector<std::uint16_t> halves = {0x0001, 0x03FF, 0x0400, 0x3555, 0x7BFF, 0xC248,
                                             0x7C00, 0xFC00, 0x7E00, 0x8000, 0x8001};
  const std::vector<float> expected = {0x1p-24f,  6.0975552e-5f, 0x1p-14f, 0.33325195f, 65504.0f, -3.140625f,
                                       HUGE_VALF, -HUGE_VALF,    NAN,      -0.0f,       -0x1p-24f};
  const SafetensorsFile file = read_bytes(whole(one_entry("F16", "[11]", "[0,22]"), bytes_of(halves)));
  tests::check_same_bits(file.tensors.at("x"), Tensor::from<float>(std::span(expected), {11}), "F16");
}

BOOST_AUTO_TEST_CASE(brain_floats_are_widened_exactly) {
  const std::vector<std::uint16_t> brains = {0x3F80, 0x3F82, 0xC049, 0x7F80, 0x7FC0, 0x0001};
  const std::vector<float> expected = {1.0f, 1.015625f, -3.140625f, HUGE_VALF, NAN, std::bit_cast<float>(0x00010000u)};
  const SafetensorsFile file = read_bytes(whole(one_entry("BF16", "[2,3]", "[0,12]"), bytes_of(brains)));
  tests::check_same_bits(file.tensors.at("x"), Tensor::from<float>(std::span(expected), {2, 3}), "BF16");
}

BOOST_AUTO_TEST_CASE(long_half_precision_tensor_is_read_in_several_blocks) {
  std::vector<std::uint16_t> halves(150'000);
  std::iota(halves.begin(), halves.end(), std::uint16_t{0});
  const SafetensorsFile file = read_bytes(whole(one_entry("BF16", "[150000]", "[0,300000]"), bytes_of(halves)));
  const auto* const bits = file.tensors.at("x").data<float>();
  for (const std::size_t i : {0u, 65'535u, 65'536u, 131'073u, 149'999u}) {
    BOOST_CHECK_EQUAL(std::bit_cast<std::uint32_t>(bits[i]), std::uint32_t{halves[i]} << 16);
  }
}

BOOST_AUTO_TEST_CASE(oddities_that_other_writers_produce_are_read) {
  // unaligned: the header's length is odd, and an f64 begins at byte 2 of the data
  const std::string header =
      R"( {"h":{"dtype":"F16","shape":[1],"data_offsets":[0,2]},"d":{"data_offsets":[2,10],"shape":[1],"dtype":"F64"},)"
      R"("e":{"dtype":"F32","shape":[0,9],"data_offsets":[2,2]}})";
  const SafetensorsFile unaligned =
      read_bytes(whole(header, bytes_of(std::vector<std::uint16_t>{0x3C00}) + bytes_of(std::vector{0.1})));
  BOOST_CHECK_EQUAL(unaligned.tensors.at("h").item(), 1.0);
  BOOST_CHECK_EQUAL(unaligned.tensors.at("d").item(), 0.1);
  BOOST_CHECK_EQUAL(unaligned.tensors.at("e").numel(), 0);
  // keys of a tensor that we do not know, of any form
  const std::string extra =
      R"({"x":{"dtype":"F32","note":{"a":[1,{"b":null}],"dtype":"U8"},"n":-1.5,"shape":[],"m":[[]],"data_offsets":[0,4]}})";
  BOOST_CHECK_EQUAL(read_bytes(whole(extra, bytes_of(std::vector{7.0f}))).tensors.at("x").item(), 7.0);
}

BOOST_AUTO_TEST_CASE(file_cut_short_anywhere_is_refused) {
  const std::string bytes = example();
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    check_refused(std::string_view(bytes).substr(0, length), length < 8 ? "at least 8 bytes" : "cut short");
  }
}

BOOST_AUTO_TEST_CASE(trailing_bytes_are_refused) {
  check_refused(example() + "\n", "describes 24 bytes of data, the file holds 25; it has trailing bytes");
  check_refused(whole("{}", "x"), "trailing bytes");
}

BOOST_AUTO_TEST_CASE(false_header_length_is_refused_before_memory_is_taken) {
  check_refused(length_bytes(65) + kExampleHeader, "announce a header of 65 bytes, but only 64 follow");
  check_refused(length_bytes(100'000'000) + kExampleHeader, "but only 64 follow");
  check_refused(length_bytes(100'000'001) + kExampleHeader, "over the limit of 100000000");
  check_refused(length_bytes(std::uint64_t{2} << 30) + kExampleHeader,
                "announce a header of 2147483648 bytes, over the limit of 100000000");
  check_refused(length_bytes(std::uint64_t{1} << 63) + kExampleHeader, "over the limit");
  check_refused(length_bytes(~std::uint64_t{0}) + kExampleHeader, "over the limit");
}

BOOST_AUTO_TEST_CASE(header_that_is_not_json_is_refused) {
  check_refused(whole(""), "must begin with '{'");
  check_refused(whole("    "), "must begin with '{'");
  check_refused(whole("[]"), "must begin with '{'");
  check_refused(whole("\xFF"), "must begin with '{'");
  check_refused(whole("\xEF\xBB\xBF{}"), "must begin with '{'");
  check_refused(whole("{"), "not valid JSON at byte");
  check_refused(whole("{} x"), "not valid JSON at byte 11 of the file");
  check_refused(whole(std::string_view("{}\0{", 4)), "not valid JSON at byte 10 of the file");
  check_refused(whole("{'x':1}"), "not valid JSON at byte 9 of the file");
  check_refused(whole("{\"a\":/**/{}}"), "not valid JSON");
  check_refused(whole(R"({"x":{"dtype":"F32","a":1e999}})"), "not valid JSON");
  check_refused(whole("{\"\xC3\x28\":{}}"), "not valid UTF-8");
  check_refused(whole("{\"\xC0\xAF\":{}}"), "not valid UTF-8");
}

BOOST_AUTO_TEST_CASE(header_of_the_wrong_form_is_refused) {
  check_refused(whole(R"({"x":1})"), "'x' must be a JSON object");
  check_refused(whole(R"({"x":[[[]]]})"), "'x' must be a JSON object");
  check_refused(whole(R"({"__metadata__":"pt"})"), "'__metadata__' must be a JSON object");
  check_refused(whole(R"({"__metadata__":{"step":1}})"), "metadata 'step' must be a string");
  check_refused(whole(R"({"__metadata__":{"step":{}}})"), "metadata 'step' must be a string");
  check_refused(whole(R"({"x":{}})"), "tensor 'x' needs dtype, shape and two data_offsets");
  check_refused(whole(R"({"x":{"dtype":"F32","shape":[]}})"), "tensor 'x' needs dtype, shape");
  check_refused(whole(R"({"x":{"dtype":32,"shape":[],"data_offsets":[0,4]}})"), "tensor 'x': dtype must be a string");
  check_refused(whole(R"({"x":{"dtype":null,"shape":[],"data_offsets":[0,4]}})"), "dtype must be a string");
  check_refused(whole(R"({"x":{"dtype":["F32"],"shape":[],"data_offsets":[0,4]}})"), "dtype must be a string");
  for (const char* const shape : {"3", "\"3\"", "{}", "[\"3\"]", "[[3]]", "[-1]", "[1.0]", "[1e2]", "[true]", "[null]",
                                  "[18446744073709551616]"}) {
    check_refused(whole(one_entry("F32", shape, "[0,4]")), "tensor 'x': shape must be a list of whole numbers");
  }
  for (const char* const offsets : {"[]", "[0]"}) {
    check_refused(whole(one_entry("F32", "[]", offsets)), "two data_offsets");
  }
  check_refused(whole(one_entry("F32", "[]", "[0,4,8]")), "data_offsets has more than 2 numbers");
  check_refused(whole(one_entry("F32", "[]", "[0,-4]")), "data_offsets must be a list of whole numbers");
  check_refused(whole(one_entry("F32", "[1,1,1,1,1,1,1]", "[0,4]")), "shape has more than 6 numbers");
  check_refused(whole(one_entry("F32", "[9223372036854775808]", "[0,4]")), "does not fit 63 bits");
}

BOOST_AUTO_TEST_CASE(duplicate_keys_are_refused) {
  const std::string entry = R"({"dtype":"F32","shape":[],"data_offsets":[0,4]})";
  const std::string data = bytes_of(std::vector{1.0f});
  check_refused(whole(R"({"x":)" + entry + R"(,"x":)" + entry + "}", data), "the key 'x' comes twice");
  check_refused(whole(R"({"x":)" + entry + R"(,"\u0078":)" + entry + "}", data), "the key 'x' comes twice");
  check_refused(whole(R"({"__metadata__":{},"__metadata__":{}})"), "the key '__metadata__' comes twice");
  check_refused(whole(R"({"__metadata__":{"a":"1","a":"1"}})"), "the key 'a' comes twice");
  check_refused(whole(R"({"x":{"dtype":"F32","dtype":"F32","shape":[],"data_offsets":[0,4]}})", data),
                "'x': the key 'dtype' comes twice");
}

BOOST_AUTO_TEST_CASE(deep_nesting_is_refused_without_recursion) {
  for (const char* const bracket : {"[", "{\"k\":"}) {
    std::string deep = R"({"x":{"unknown":)";
    for (int level = 0; level < 1'000'000; ++level) deep += bracket;
    check_refused(whole(deep), "nests deeper than 64 brackets");
  }
  check_refused(whole("{\"x\":" + std::string(1'000'000, '[')), "'x' must be a JSON object");
}

BOOST_AUTO_TEST_CASE(holes_and_overlaps_are_refused) {
  const auto two = [](const std::string& first, const std::string& second) {
    return whole(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":)" + first +
                     R"(},"b":{"dtype":"F32","shape":[1],"data_offsets":)" + second + "}}",
                 std::string(12, '\0'));
  };
  check_refused(two("[0,4]", "[8,12]"), "tensor 'b': its data_offsets [8, 12] leave a hole, byte 4");
  check_refused(two("[4,8]", "[8,12]"), "tensor 'a': its data_offsets [4, 8] leave a hole, byte 0");
  check_refused(two("[0,4]", "[2,6]"), "tensor 'b': its data_offsets [2, 6] overlap another tensor");
  check_refused(two("[0,4]", "[0,4]"), "overlap another tensor");
  check_refused(two("[0,4]", "[4,0]"), "end before they begin");
  check_refused(two("[0,4]", "[4,8]"), "describes 8 bytes of data, the file holds 12; it has trailing bytes");
  std::string shared = "{";
  for (int i = 0; i < 10; ++i) {
    shared += (i > 0 ? ",\"" : "\"") + std::to_string(i) + R"(":{"dtype":"I32","shape":[2,2],"data_offsets":[0,16]})";
  }
  check_refused(whole(shared + "}", std::string(16, '\0')), "overlap another tensor");
}

BOOST_AUTO_TEST_CASE(shapes_that_disagree_with_the_offsets_are_refused) {
  check_refused(whole(one_entry("I32", "[2,2]", "[0,4]"), "1234"), "needs 16 bytes by its shape and dtype I32");
  check_refused(whole(one_entry("F32", "[]", "[0,0]")), "needs 4 bytes");
  check_refused(whole(one_entry("F32", "[0]", "[0,4]"), "1234"), "needs 0 bytes");
  check_refused(whole(one_entry("F32", "[2,18446744073709551614]", "[0,16]"), std::string(16, '\0')), "does not fit");
  check_refused(whole(one_entry("F32", "[2,9223372036854775807]", "[0,16]"), std::string(16, '\0')), "overflows");
  check_refused(whole(one_entry("F32", "[4611686018427387904]", "[0,16]"), std::string(16, '\0')), "overflows");
  check_refused(whole(one_entry("F32", "[0,9223372036854775807,9223372036854775807]", "[0,0]")), "overflows");
  check_refused(whole(one_entry("F32", "[1000000000000]", "[0,4000000000000]"), "1234"), "it is cut short");
}

BOOST_AUTO_TEST_CASE(types_that_are_not_supported_are_named) {
  check_refused(whole(one_entry("U8", "[4]", "[0,4]"), "1234"), "tensor 'x' has dtype U8, which is not supported");
  check_refused(whole(one_entry("BOOL", "[]", "[0,1]"), "1"), "has dtype BOOL, which is not supported");
  check_refused(whole(one_entry("F4", "[2]", "[0,1]"), "1"), "has dtype F4, which is not supported");
  check_refused(whole(one_entry("F4", "[3]", "[0,1]"), "1"), "ends within a byte");
  check_refused(whole(one_entry("f32", "[]", "[0,4]"), "1234"), "unknown dtype 'f32'");
  check_refused(whole(one_entry("", "[]", "[0,4]"), "1234"), "unknown dtype ''");
}

BOOST_AUTO_TEST_CASE(hostile_names_do_not_break_the_message) {
  check_refused(whole(R"({"line\nbreak\u0000\u001b[2J":1})"), "'line?break??[2J' must be a JSON object");
  check_refused(whole("{\"" + std::string(100'000, 'n') + "\":1}"), "nnn...' must be a JSON object");
}

BOOST_AUTO_TEST_CASE(what_is_not_a_readable_file_is_refused) {
  const TemporaryDirectory directory;
  const std::filesystem::path missing = directory.path() / "missing.safetensors";
  check_fails(missing, "No such file or directory", [&] { read_safetensors(missing); });
  check_fails(directory.path(), "is not a file", [&] { read_safetensors(directory.path()); });
  check_fails("/dev/zero", "is not a file", [] { read_safetensors("/dev/zero"); });
  const std::filesystem::path secret = directory.file("secret.safetensors", example());
  std::filesystem::permissions(secret, std::filesystem::perms(0));
  const tests::WithoutRootRights rights;
  check_fails(secret, "Permission denied", [&] { read_safetensors(secret); });
}

BOOST_AUTO_TEST_CASE(what_cannot_be_written_leaves_the_old_file) {
  const TemporaryDirectory directory;
  const std::filesystem::path path = directory.file("file.safetensors", example());
  const nn::NamedTensors large = {{"x", Tensor::zeros({4096})}};
  check_fails(path, "is reserved", [&] { write_safetensors(path, {{"__metadata__", example_tensor()}}); });
  check_fails(path, "is not UTF-8", [&] { write_safetensors(path, {{"\xC3\x28", example_tensor()}}); });
  check_fails(path, "is not UTF-8", [&] { write_safetensors(path, {}, {{"key", "\xFF"}}); });
  check_fails(path, "over the limit of 100000000", [&] {
    write_safetensors(path, {}, {{"key", std::string(100'000'000, 'x')}});
  });
  check_fails(directory.path(), "it is a directory", [&] { write_safetensors(directory.path(), large); });
  const std::filesystem::path nowhere = directory.path() / "missing" / "file.safetensors";
  check_fails(nowhere, "create the folder first", [&] { write_safetensors(nowhere, large); });
  {
    const tests::FileSizeLimit limit(4096);
    check_fails(path, "File too large", [&] { write_safetensors(path, large); });
  }
  std::filesystem::permissions(directory.path(), std::filesystem::perms(0555));
  {
    const tests::WithoutRootRights rights;
    check_fails(path, "Permission denied", [&] { write_safetensors(path, large); });
  }
  std::filesystem::permissions(directory.path(), std::filesystem::perms(0755));
  BOOST_CHECK(bytes_of_file(path) == example());
  BOOST_CHECK_EQUAL(directory.file_count(), 1u);
}

BOOST_AUTO_TEST_SUITE_END()
