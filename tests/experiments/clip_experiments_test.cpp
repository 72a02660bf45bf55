// The experiments on a CLIP checkpoint, from the outside: zero-shot logits equal the original code's (tests/golden/
// make_zero_shot.py), task vectors of one's own and of others make the same tables, and bad input gets its message.
#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "experiments/common/run_folder.hpp"
#include "nn/safetensors.hpp"
#include "tests/experiments/idx_set.hpp"
#include "tests/experiments/process.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/support/tensors.hpp"

using engine::Tensor;
using experiments::Json;
using experiments::read_json;
using tests::ProcessResult;
using tests::run_process;
using tests::TemporaryDirectory;

BOOST_AUTO_TEST_SUITE(clip_experiments)

namespace {

const std::string kGolden = TANGENT_GOLDEN_DIR;
const std::string kModel = kGolden + "/zero_shot/model";
const std::string kVocabulary = " --vocabulary " + kGolden + "/tokenizer_vocabulary.txt.gz";

void check_says(const ProcessResult& result, int status, const std::string& part) {
  BOOST_CHECK_MESSAGE(result.status == status, "status " << result.status << ":\n" << result.output);
  BOOST_CHECK_MESSAGE(result.output.find(part) != std::string::npos, "'" << part << "' missing in:\n" << result.output);
}

void require_success(const ProcessResult& result) { BOOST_REQUIRE_MESSAGE(result.status == 0, result.output); }

// A folder with two sets of pictures, in which the programs write.
struct Place {
  Place() {
    tests::write_idx_set(folder.path() / "data/tones", 0);
    tests::write_idx_set(folder.path() / "data/shades", 1);
  }
  std::string operator/(const std::string& name) const { return (folder.path() / name).string(); }
  ProcessResult run(const std::string& program, const std::string& options, const std::string& model = kModel) const {
    return run_process("{bin}/" + program + " --checkpoint " + model + kVocabulary + " --prompt-cache " +
                       *this / "prompts" + " --data " + *this / "data" + " --threads 2 " + options);
  }
  ProcessResult zero_shot(const std::string& options, const std::string& model = kModel) const {
    return run("zero_shot", "--task tones " + options, model);
  }
  void finetune(const std::string& mode, const std::string& task) const {
    require_success(run("finetune", "--preset smoke --task " + task + " --mode " + mode +
                                        " --finetune-lr 0.003 --out " + *this / ("finetune/" + mode + "/" + task)));
  }
  ProcessResult arithmetic(const std::string& program, const std::string& finetuned,
                           const std::string& options = "") const {
    return run(program, "--preset smoke --tasks tones,shades --finetuned " + *this / finetuned + " --out " +
                            *this / (program + "_" + finetuned) + " " + options);
  }
  Json results(const std::string& run_folder) const { return read_json(folder.path() / run_folder / "results.json"); }
  TemporaryDirectory folder;
};

Tensor logits_in(const std::string& run_folder) {
  return nn::read_safetensors(run_folder + "/logits.safetensors").tensors.at("logits");
}

}  // namespace

BOOST_AUTO_TEST_CASE(zero_shot_logits_equal_the_original_code_in_both_layouts) {
  const Place place;
  const Tensor expected = nn::read_safetensors(kGolden + "/zero_shot/logits.safetensors").tensors.at("logits");
  const ProcessResult first = place.zero_shot("--logits --out " + place / "first");
  require_success(first);
  tests::check_relative(logits_in(place / "first"), expected, 1e-5, "logits");
  const Json results = place.results("first");
  BOOST_CHECK_EQUAL(results.at("accuracy").get<double>(), 13.0 / 40.0);  // of the original code as well
  BOOST_CHECK_EQUAL(results.at("images").get<int>(), 40);
  BOOST_CHECK_EQUAL(results.at("prompts").get<int>(), 2);
  BOOST_CHECK_EQUAL(results.at("example").get<std::string>(), "a photo of a A.");
  BOOST_CHECK(results.at("top5").is_null());
  std::int64_t correct = 0;
  for (const Json& of : results.at("per_class")) correct += of.at("correct").get<std::int64_t>();
  BOOST_CHECK_EQUAL(correct, 13);
  check_says(first, 0, "Zero-shot accuracy on tones (test, 40 images, 3 classes): 32.5 %");
  check_says(place.zero_shot("--logits --out " + place / "first"), 0, "zero-shot tones: already done");

  // The head comes out of the cache, and one thread makes the same bits.
  BOOST_CHECK_EQUAL(std::distance(std::filesystem::directory_iterator(place / "prompts"), {}), 1);
  require_success(place.zero_shot("--logits --threads 1 --out " + place / "again"));
  BOOST_CHECK_EQUAL(std::distance(std::filesystem::directory_iterator(place / "prompts"), {}), 1);
  tests::check_same_bits(logits_in(place / "again"), logits_in(place / "first"), "one thread");

  // The other layout keeps how images are prepared.
  require_success(run_process("{bin}/convert --to open_clip --checkpoint " + kModel + " --out " + place / "other"));
  require_success(place.zero_shot("--logits --out " + place / "third", place / "other"));
  tests::check_same_bits(logits_in(place / "third"), logits_in(place / "first"), "open_clip");
  require_success(
      run_process("{bin}/convert --to hugging_face --checkpoint " + place / "other" + " --out " + place / "back"));
  require_success(place.zero_shot("--logits --out " + place / "fourth", place / "back"));
  tests::check_same_bits(logits_in(place / "fourth"), logits_in(place / "first"), "Hugging Face again");

  // Other parts, and a task that is drawn.
  require_success(place.zero_shot("--split validation --images 7 --out " + place / "part"));
  BOOST_CHECK_EQUAL(place.results("part").at("images").get<int>(), 7);
  require_success(place.run("zero_shot", "--task digits --images 20 --out " + place / "digits"));
  BOOST_CHECK_EQUAL(place.results("digits").at("example").get<std::string>(), "a photo of a handwritten digit zero");
  BOOST_CHECK(!place.results("digits").at("top5").is_null());
}

BOOST_AUTO_TEST_CASE(task_vectors_of_others_make_the_tables_of_one_s_own) {
  const Place place;
  for (const std::string task : {"tones", "shades"}) {
    for (const std::string mode : {"standard", "linear"}) place.finetune(mode, task);
    // As someone else would give them away: the image tower in open_clip's names, and a whole model in Hugging Face's.
    const std::string tuned = place / ("finetune/standard/" + task + "/finetuned.safetensors");
    std::filesystem::create_directories(place / ("tower/standard/" + task));
    std::filesystem::copy_file(tuned, place / ("tower/standard/" + task + "/open_clip_model.safetensors"));
    const std::string tau = place / ("tau_" + task + ".safetensors");
    require_success(run_process("{bin}/task_vector subtract " + tuned + " " + kModel + " --out " + tau));
    std::filesystem::create_directories(place / ("whole/standard/" + task));
    require_success(run_process("{bin}/task_vector add " + kModel + " " + tau + " --out " +
                                place / ("whole/standard/" + task + "/model.safetensors")));
    std::filesystem::copy_file(kModel + "/config.json", place / ("whole/standard/" + task + "/config.json"));
  }
  const std::string none = "--control none --subsets 0 --alpha-step 0.25";
  require_success(place.arithmetic("task_addition", "finetune", none));
  const Json own = place.results("task_addition_finetune");
  BOOST_CHECK(own.at("addition").contains("linear"));
  const ProcessResult others = place.arithmetic("task_addition", "tower", none);
  check_says(others, 0, "linear is left out");
  const Json found = place.results("task_addition_tower");
  BOOST_CHECK(!found.at("addition").contains("linear"));
  BOOST_CHECK(!std::filesystem::exists(place / "task_addition_tower/reference/linear_additions.json"));
  for (const char* mode : {"standard", "posthoc"}) {
    BOOST_CHECK_EQUAL(found.at("addition").at(mode).dump(), own.at("addition").at(mode).dump());
    BOOST_CHECK_EQUAL(found.at("single_task").at(mode).dump(), own.at("single_task").at(mode).dump());
  }
  BOOST_CHECK_EQUAL(found.at("zero_shot").dump(), own.at("zero_shot").dump());

  // The weights of the whole model were rounded to f16, so the accuracies need not be equal.
  const ProcessResult single = place.arithmetic("single_task", "whole");
  check_says(single, 0, "linear is left out");
  BOOST_CHECK_EQUAL(place.results("single_task_whole").at("zero_shot").dump(), own.at("zero_shot").dump());
  for (const std::string finetuned : {"finetune", "whole"}) {
    const ProcessResult negation = run_process(
        "{bin}/task_negation --checkpoint " + kModel + kVocabulary + " --prompt-cache " + place / "prompts" +
        " --data " + place / "data" + " --threads 2 --preset smoke --tasks tones --control shades --finetuned " +
        place / finetuned + " --out " + place / ("negation_" + finetuned));
    check_says(negation, 0, "control: shades");
    BOOST_CHECK_EQUAL(negation.output.find("linear is left out") != std::string::npos, finetuned == "whole");
  }

  // What cannot do without linear vectors says so, and what was not fine-tuned from this model is refused.
  check_says(place.arithmetic("disentanglement", "whole", "--grid-images 8"), 1,
             "`finetune --task tones --mode linear`");
  std::filesystem::create_directories(place / "whole/linear/tones");
  std::filesystem::copy(place / "whole/standard/tones", place / "whole/linear/tones");
  check_says(place.arithmetic("single_task", "whole"), 1, "`finetune --task shades --mode linear`");
  Json config = read_json(place / "whole/standard/tones/config.json");
  config["vision_config"]["hidden_act"] = "gelu";
  std::ofstream(place / "whole/standard/tones/config.json") << config;
  check_says(place.arithmetic("single_task", "whole"), 1, "says gelu and 2 heads, the base has quick_gelu and 2 heads");
  std::filesystem::copy_file(kGolden + "/clip/open_clip/open_clip_model.safetensors",
                             place / "tower/standard/tones/open_clip_model.safetensors",
                             std::filesystem::copy_options::overwrite_existing);
  check_says(place.arithmetic("single_task", "tower"), 1, "not fit this CLIP");
}

BOOST_AUTO_TEST_CASE(bad_input_is_named) {
  const Place place;
  const std::string out = " --out " + place / "out";
  const std::string on_tones = "{bin}/zero_shot --task tones --data " + place / "data" + out;
  const std::string given = on_tones + " --prompt-cache " + place / "prompts --checkpoint ";
  check_says(run_process(given + kModel), 1, "or say where it is (--vocabulary)");
  check_says(run_process(given + place / "nothing" + kVocabulary), 1, "nothing");
  check_says(run_process(given + kModel + kVocabulary + " --pretrained x"), 2, "excludes");
  check_says(run_process(on_tones + kVocabulary), 2, "--vocabulary");
  check_says(run_process(on_tones + " --pretrained " + place / "nothing"), 1, "`pretrain` makes one");
  check_says(place.zero_shot(out, kGolden + "/clip/hugging_face"), 1, "ids");  // its vocabulary has 40

  // One tower alone, as fine-tuned ones are given away.
  nn::NamedTensors tensors = nn::read_safetensors(kModel + "/model.safetensors").tensors;
  std::erase_if(tensors,
                [](const auto& named) { return named.first.starts_with("text_") || named.first == "logit_scale"; });
  std::filesystem::create_directory(place / "tower");
  nn::write_safetensors(place / "tower/model.safetensors", tensors);
  std::filesystem::copy_file(kModel + "/config.json", place / "tower/config.json");
  check_says(place.zero_shot(out, place / "tower"), 1, "holds no text tower, which makes the heads");

  // Another architecture, and images prepared in another way.
  std::filesystem::create_directory(place / "other");
  nn::write_safetensors(place / "other/model.safetensors", {{"encoder.weight", Tensor::zeros({2})}});
  check_says(place.run("finetune", "--task tones --mode linear" + out, place / "other"), 1,
             "is no CLIP with a vision transformer");
  std::filesystem::copy(kModel, place / "squashed");
  Json pixels = read_json(place / "squashed/preprocessor_config.json");
  pixels["size"] = {{"height", 24}, {"width", 24}};
  std::ofstream(place / "squashed/preprocessor_config.json") << pixels;
  check_says(place.zero_shot(out, place / "squashed"), 1, "preprocessor_config.json: size must be a shortest_edge");
  pixels["size"] = 24;
  pixels["crop_size"] = 16;
  std::ofstream(place / "squashed/preprocessor_config.json") << pixels;
  check_says(place.zero_shot(out, place / "squashed"), 1, "crop_size is 16; expected 24");
  pixels.erase("crop_size");
  pixels["image_std"] = {0.5, 0, 0.5};
  std::ofstream(place / "squashed/preprocessor_config.json") << pixels;
  check_says(place.zero_shot(out, place / "squashed"), 1, "image_std must be of values in [0, 1], from 0.001 to 10");
  pixels.erase("image_std");
  pixels["rescale_factor"] = 1.0;
  std::ofstream(place / "squashed/preprocessor_config.json") << pixels;
  check_says(place.zero_shot(out, place / "squashed"), 1, "rescale_factor must be 1/255");
}

// What the text tower computes depends on the precision, and so does what may be read again.
BOOST_AUTO_TEST_CASE(heads_of_another_precision_are_not_taken_from_the_cache) {
  const Place place;
  const auto heads = [&] {
    return std::distance(std::filesystem::directory_iterator(place / "prompts"), std::filesystem::directory_iterator());
  };
  require_success(place.zero_shot("--out " + place / "f32"));
  BOOST_CHECK_EQUAL(heads(), 1);
  require_success(place.zero_shot("--images 5 --out " + place / "again"));
  BOOST_CHECK_EQUAL(heads(), 1);
  require_success(place.zero_shot("--precision bf16-emulated --out " + place / "bf16"));
  BOOST_CHECK_EQUAL(heads(), 2);
}

BOOST_AUTO_TEST_SUITE_END()
