// probe, convert and task_vector from the outside: what they write equals the original code's, and bad input gets its message.
#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <filesystem>
#include <fstream>

#include "nn/safetensors.hpp"
#include "tests/experiments/process.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/support/tensors.hpp"

using engine::Tensor;
using tests::ProcessResult;
using tests::run_process;
using tests::TemporaryDirectory;

BOOST_AUTO_TEST_SUITE(clip_programs)

namespace {

const std::string kGolden = std::string(TANGENT_GOLDEN_DIR) + "/clip/";

// The reference's inputs as a user's files.
struct Inputs {
  explicit Inputs(const std::string& name) : reference(nn::read_safetensors(kGolden + name + ".safetensors").tensors) {
    nn::NamedTensors tau;
    for (const auto& [key, tensor] : reference) {
      if (key.starts_with("tau.")) tau.emplace(key.substr(4), tensor);
    }
    write("tau", tau);
    for (const std::string input : {"pixels", "tokens", "cotangent"}) write(input, {{input, reference.at(input)}});
  }
  void write(const std::string& file, const nn::NamedTensors& tensors) const {
    nn::write_safetensors(folder.path() / (file + ".safetensors"), tensors);
  }
  std::string file(const std::string& name) const { return (folder.path() / (name + ".safetensors")).string(); }
  ProcessResult probe(const std::string& options) const {
    return run_process("{bin}/probe --threads 2 --shard-size 1 --overwrite --out " + file("out") + " " + options);
  }
  nn::NamedTensors reference;
  TemporaryDirectory folder;
};

void check_says(const ProcessResult& result, const std::string& part) {
  BOOST_CHECK_EQUAL(result.status, 1);
  BOOST_CHECK_MESSAGE(result.output.find(part) != std::string::npos, "'" << part << "' missing in:\n" << result.output);
}

}  // namespace

BOOST_AUTO_TEST_CASE(probe_writes_what_the_original_code_computes) {
  for (const std::string name : {"hugging_face", "open_clip"}) {
    const Inputs inputs(name);
    const ProcessResult result = inputs.probe("--checkpoint " + kGolden + name + " --pixels " + inputs.file("pixels") +
                                              " --tokens " + inputs.file("tokens") + " --tangent " +
                                              inputs.file("tau") + " --cotangent " + inputs.file("cotangent"));
    BOOST_REQUIRE_MESSAGE(result.status == 0, result.output);
    const nn::NamedTensors out = nn::read_safetensors(inputs.file("out")).tensors;
    std::size_t expected = 0;
    for (const auto& [key, tensor] : inputs.reference) {
      const bool computed = key.ends_with("_features") || key == "jvp" || key.starts_with("vjp.");
      if (!computed) continue;
      ++expected;
      // Softmax ignores the bias of the keys: its gradient is rounding alone.
      if (key.ends_with("k_proj.bias")) {
        tests::check_close(out.at(key), tensor, 1e-5, key);
      } else {
        tests::check_relative(out.at(key), tensor, 1e-4, name + ": " + key);
      }
    }
    BOOST_CHECK_EQUAL(out.size(), expected);

    // Without J, and from the other layout: the same features.
    const std::string other = name == "open_clip" ? "hugging_face" : "open_clip";
    const std::string converted = (inputs.folder.path() / "converted").string();
    BOOST_CHECK_EQUAL(
        run_process("{bin}/convert --checkpoint " + kGolden + name + " --to " + other + " --out " + converted).status,
        0);
    const std::string into_itself =
        "{bin}/convert --checkpoint " + converted + " --to " + other + " --out " + converted;
    check_says(run_process(into_itself), converted + ": is there already; give another --out, or --overwrite");
    check_says(run_process(into_itself + " --overwrite"), "holds this checkpoint in that layout already");
    BOOST_CHECK_EQUAL(inputs.probe("--checkpoint " + converted + " --pixels " + inputs.file("pixels")).status, 0);
    const nn::NamedTensors again = nn::read_safetensors(inputs.file("out")).tensors;
    BOOST_CHECK_EQUAL(again.size(), 1u);
    tests::check_same_bits(again.at("image_features"), out.at("image_features"), name + " as " + other);
  }
}

BOOST_AUTO_TEST_CASE(probe_names_what_is_wrong_with_its_inputs) {
  const Inputs inputs("open_clip");
  const std::string checkpoint = "--checkpoint " + kGolden + "open_clip ";
  inputs.write("small", {{"pixels", Tensor::zeros({2, 3, 8, 8})}});
  check_says(inputs.probe(checkpoint + "--pixels " + inputs.file("small")),
             "'pixels' must be [2, 3, 16, 16]; it is [2, 3, 8, 8]");
  check_says(inputs.probe(checkpoint + "--pixels " + inputs.file("tokens")), "has no tensor 'pixels'");
  const std::string good = checkpoint + "--pixels " + inputs.file("pixels");
  inputs.write("floats", {{"tokens", Tensor::zeros({2, 3})}});
  check_says(inputs.probe(good + " --tokens " + inputs.file("floats")),
             "'tokens' must be of type I64; it is f32 [2, 3]");
  inputs.write("ids", {{"tokens", Tensor::full({1, 3}, 40, engine::DType::i64)}});
  check_says(inputs.probe(good + " --tokens " + inputs.file("ids")), "token ids must lie in 0 .. 39; text 0 has 40");
  inputs.write("narrow", {{"cotangent", Tensor::zeros({2, 3})}});
  check_says(inputs.probe(good + " --cotangent " + inputs.file("narrow")), "'cotangent' must be [2, 12]; it is [2, 3]");
  BOOST_CHECK(!std::filesystem::exists(inputs.file("out")));
  BOOST_CHECK_EQUAL(run_process("{bin}/probe --checkpoint x --pixels y --out z --activation relu").status, 2);
  check_says(run_process("{bin}/probe --checkpoint x --pixels y --out " + inputs.file("pixels")), "is there already");
  check_says(run_process("{bin}/probe --checkpoint " + inputs.file("pixels") + " --activation gelu --pixels y --out z"),
             "is no CLIP with a vision transformer");
}

BOOST_AUTO_TEST_CASE(task_vectors_of_files) {
  const Inputs inputs("hugging_face");
  const std::string base = kGolden + "hugging_face";
  const std::string edited = inputs.file("edited");
  BOOST_CHECK_EQUAL(
      run_process("{bin}/task_vector add " + base + " " + inputs.file("tau") + " --scale 0.5 --out " + edited).status,
      0);
  BOOST_CHECK_EQUAL(
      run_process("{bin}/task_vector subtract " + edited + " " + base + " --out " + inputs.file("half")).status, 0);
  BOOST_CHECK_EQUAL(
      run_process("{bin}/task_vector scale " + inputs.file("half") + " --scale 2 --out " + inputs.file("whole")).status,
      0);
  const nn::NamedTensors whole = nn::read_safetensors(inputs.file("whole")).tensors;
  for (const auto& [key, tensor] : whole) {
    const auto tau = inputs.reference.find("tau." + key);
    if (tau != inputs.reference.end()) tests::check_close(tensor, tau->second, 1e-6, key);
  }
  BOOST_CHECK_EQUAL(
      run_process("{bin}/task_vector negate " + inputs.file("tau") + " --out " + inputs.file("minus")).status, 0);
  const ProcessResult cosines = run_process("{bin}/task_vector cosines " + inputs.file("tau") + " " +
                                            inputs.file("minus") + " " + inputs.file("half"));
  BOOST_CHECK_EQUAL(cosines.status, 0);
  BOOST_CHECK(cosines.output.find("-1.0000") != std::string::npos);
  BOOST_CHECK(cosines.output.find("1.0000") != std::string::npos);
  BOOST_CHECK_EQUAL(run_process("{bin}/task_vector norm " + inputs.file("tau")).status, 0);
  BOOST_REQUIRE_EQUAL(
      run_process("{bin}/task_vector scale " + inputs.file("tau") + " --scale 0 --out " + inputs.file("zero")).status,
      0);
  const ProcessResult none = run_process("{bin}/task_vector cosines " + inputs.file("tau") + " " + inputs.file("zero"));
  BOOST_CHECK_EQUAL(none.status, 0);
  BOOST_CHECK_MESSAGE(none.output.find("nan") == std::string::npos, none.output);
  check_says(
      run_process("{bin}/task_vector subtract " + inputs.file("pixels") + " " + base + " --out " + inputs.file("none")),
      "does not fit");
  BOOST_CHECK_EQUAL(run_process("{bin}/task_vector").status, 2);
}

BOOST_AUTO_TEST_CASE(files_are_replaced_only_if_told_to_and_inputs_never) {
  const Inputs inputs("hugging_face");
  const std::string base = (inputs.folder.path() / "base").string();
  std::filesystem::copy(kGolden + "hugging_face", base);
  const std::string add = "{bin}/task_vector add " + base + " " + inputs.file("tau") + " --out ";
  check_says(run_process(add + inputs.file("pixels")), "is there already; give another --out, or --overwrite");
  BOOST_CHECK(nn::read_safetensors(inputs.file("pixels")).tensors.contains("pixels"));
  BOOST_CHECK_EQUAL(run_process(add + inputs.file("pixels") + " --overwrite").status, 0);
  BOOST_CHECK(!nn::read_safetensors(inputs.file("pixels")).tensors.contains("pixels"));
  std::filesystem::create_symlink(inputs.file("tau"), inputs.file("link"));
  for (const std::string& out : {inputs.file("link"), base + "/../base/model.safetensors"})
    check_says(run_process(add + out + " --overwrite"), out + ": is an input, of ");
  const std::string misnamed = (inputs.folder.path() / "misnamed").string();
  std::filesystem::copy(kGolden + "open_clip", misnamed);
  std::filesystem::rename(misnamed + "/open_clip_model.safetensors", misnamed + "/model.safetensors");
  check_says(run_process("{bin}/convert --to hugging_face --overwrite --checkpoint " + misnamed + " --out " + misnamed),
             "misnamed/model.safetensors: is an input, of ");
}

// Of a file with 8 GiB of zeros that takes no room, caught while it writes.
BOOST_AUTO_TEST_CASE(one_signal_stops_a_long_work_and_leaves_nothing_half_written) {
  const TemporaryDirectory folder;
  const std::string tau = (folder.path() / "tau").string();
  constexpr std::uint64_t kElements = std::uint64_t{1} << 31;
  const std::string header = R"({"w":{"dtype":"F32","shape":[2147483648],"data_offsets":[0,8589934592]}})";
  const std::uint64_t size = header.size();
  std::ofstream(tau, std::ios::binary).write(reinterpret_cast<const char*>(&size), sizeof(size)) << header;
  std::filesystem::resize_file(tau, sizeof(size) + size + 4 * kElements);
  for (const std::string signal : {"TERM", "INT"}) {
    const ProcessResult result =
        run_process("bash -c 'set -m; cd " + folder.path().string() +
                    "; {bin}/task_vector scale tau --out out & until ls out*.unfinished >/dev/null 2>&1; do sleep "
                    "0.01; done; kill -" +
                    signal + " $!; wait $!; echo status $?'");
    for (const std::string part :
         {"task_vector: stopped while reading the checkpoints; the same command starts that again.\n", "status 130\n"})
      BOOST_CHECK_MESSAGE(result.output.find(part) != std::string::npos, result.output);
    BOOST_CHECK_EQUAL(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
  }
}

BOOST_AUTO_TEST_SUITE_END()
