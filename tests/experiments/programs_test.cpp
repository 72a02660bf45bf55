// The programs from the outside: what they write, what they say when misused, and that nothing half-written is left
// behind.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "datasets/image.hpp"
#include "experiments/common/run_folder.hpp"
#include "nn/safetensors.hpp"
#include "tests/experiments/finished_run.hpp"
#include "tests/experiments/idx_set.hpp"
#include "tests/support/tensors.hpp"

using experiments::Json;
using tests::check_says;
using tests::ProcessResult;
using tests::run_process;
using tests::TemporaryDirectory;
using tests::values_of;
using tests::write_idx_set;

BOOST_AUTO_TEST_SUITE(programs)

namespace {

std::int64_t line_count(const std::string& text) { return std::ranges::count(text, '\n'); }

// The program must end with `status` and say one line with all of `parts`; of misuse (2), one more that names --help.
void check_refusal(const std::string& command, int status, const std::vector<std::string>& parts) {
  const ProcessResult result = run_process(command);
  BOOST_CHECK_MESSAGE(result.status == status, command << ": exit status " << result.status << ", output:\n"
                                                       << result.output);
  const std::int64_t expected = result.output.ends_with("\nRun with --help for more information.\n") ? 2 : 1;
  BOOST_CHECK_MESSAGE(line_count(result.output) == expected, command << ": one line expected; got:\n" << result.output);
  for (const std::string& part : parts) {
    BOOST_CHECK_MESSAGE(result.output.find(part) != std::string::npos, command << ": '" << part << "' missing in:\n"
                                                                               << result.output);
  }
}

// A set `first` of tiny images in <out>/data, and a model pre-trained on it in <out>/p. Returns the options for going on.
std::string pretrain_on_first(const std::string& out) {
  write_idx_set(std::filesystem::path(out) / "data/first", 0);
  const std::string options = " --preset smoke --data " + out + "/data ";
  BOOST_REQUIRE_EQUAL(
      run_process("{bin}/pretrain --tasks first --control none" + options + "--out " + out + "/p").status, 0);
  return options;
}

const std::string kSmallTasks = tests::kFinishedTasks + "--control objects ";

}  // namespace

BOOST_AUTO_TEST_CASE(every_program_explains_itself) {
  for (const std::string program : {"pretrain", "finetune", "single_task", "task_addition", "task_negation",
                                    "disentanglement", "linearization_error", "ntk_localization", "kernel_regression",
                                    "random_init", "pretraining_length", "sweep", "reproduce"}) {
    const ProcessResult help = run_process("{bin}/" + program + " --help");
    BOOST_CHECK_EQUAL(help.status, 0);
    for (const std::string option : {"--seed", "--threads", "--out", "--data", "--preset", "--config", "--help"}) {
      BOOST_CHECK_MESSAGE(help.output.find(option) != std::string::npos, program << " --help does not name " << option);
    }
    BOOST_CHECK_EQUAL(run_process("{bin}/" + program + " --no-such-option").status, 2);
    BOOST_CHECK_EQUAL(run_process("{bin}/" + program + " --preset enormous").status, 2);
    BOOST_CHECK_EQUAL(run_process("{bin}/" + program + " --threads many").status, 2);
  }
  BOOST_CHECK_EQUAL(run_process("{bin}/finetune --task digits --mode sideways --pretrained x").status, 2);
  BOOST_CHECK_EQUAL(run_process("{bin}/finetune --mode linear").status, 2);
  check_says(run_process("{bin}/pretrain --seed -1"), "pretrain: --seed: Value -1 is negative\nRun with --help");
  check_says(run_process("{bin}/pretrain --seed 18446744073709551616"),
             "--seed: Value 18446744073709551616 is above 18446744073709551615");
  check_says(run_process("{bin}/sweep --values 1 --seeds 0,18446744073709551616"), "18446744073709551616 is above");
  check_says(run_process("{bin}/pretrain --images-per-domain 10000001"),
             "--images-per-domain: takes whole numbers from 1 to 10000000; arrived 10000001\n");
  check_says(run_process("{bin}/pretrain --pretrain-steps 2.5"), "takes whole numbers from 1 to 10000000; arrived 2.5");
  check_says(run_process("{bin}/pretrain --save-every abc"), "takes numbers from 0 to 1000000000; arrived abc");
  check_says(run_process("{bin}/pretrain --wrong-alias 1.5"), "--wrong-alias: takes numbers from 0 to 1; arrived 1.5");
  check_says(run_process("{bin}/pretrain --preset smoke --alias 0.9 --out /nonexistent/x"), "together at most 1");
  check_says(run_process("{bin}/pretrain --pretrain-lr nan"),
             "--pretrain-lr: takes numbers above 0 up to 1000; arrived nan");
}

BOOST_AUTO_TEST_CASE(the_chain_of_single_programs_gives_what_reproduce_gives) {
  const TemporaryDirectory folder;
  const std::string out = folder.path().string();
  std::filesystem::copy(tests::finished_run(), out + "/whole", std::filesystem::copy_options::recursive);
  const Json results = experiments::read_json(out + "/whole/results.json");
  for (const std::string stage : {"pretrain", "finetune_standard", "finetune_linear", "task_addition"})
    BOOST_CHECK(results.at("seconds").contains(stage));
  const Json& addition = results.at("task_addition");
  BOOST_CHECK(addition.at("tasks") == Json({"digits", "signs"}));
  for (const std::string task : {"digits", "signs"}) {
    BOOST_CHECK(addition.at("zero_shot").contains(task));
    for (const std::string mode : {"standard", "posthoc", "linear"}) {
      const double single = addition.at("single_task").at(mode).at(task).get<double>();
      BOOST_CHECK(single >= 0.0 && single <= 1.0);
      BOOST_CHECK(addition.at("addition").at(mode).at("per_task").contains(task));
      for (const std::string key : {"alpha", "absolute", "normalised"})
        BOOST_CHECK(addition.at("addition").at(mode).contains(key));
    }
  }

  BOOST_REQUIRE_EQUAL(run_process("{bin}/pretrain" + kSmallTasks + "--out " + out + "/p").status, 0);
  for (const std::string mode : {"standard", "linear"}) {
    for (const std::string task : {"digits", "signs"}) {
      const ProcessResult step =
          run_process("{bin}/finetune --preset smoke --mode " + mode + " --task " + task + " --pretrained " + out +
                      "/p/pretrained.safetensors --out " + out + "/f/" + mode + "/" + task);
      BOOST_REQUIRE_MESSAGE(step.status == 0, step.output);
    }
  }
  const ProcessResult sum = run_process("{bin}/task_addition" + kSmallTasks + "--pretrained " + out +
                                        "/p/pretrained.safetensors --finetuned " + out + "/f --out " + out + "/a");
  BOOST_REQUIRE_MESSAGE(sum.status == 0, sum.output);
  Json alone = experiments::read_json(out + "/a/results.json");
  alone.erase("seconds");
  BOOST_CHECK(alone == addition);
  BOOST_CHECK(experiments::read_json(out + "/a/manifest.json").contains("fingerprint"));

  const ProcessResult again = run_process("{bin}/reproduce" + kSmallTasks + "--out " + out + "/whole");
  BOOST_CHECK_EQUAL(again.status, 0);
  BOOST_CHECK(again.output.find("pretrain: already done") != std::string::npos);
  BOOST_CHECK(again.output.find("task addition: already done") != std::string::npos);
  BOOST_CHECK(again.output.find("normalised") != std::string::npos);
  BOOST_CHECK(experiments::read_json(out + "/whole/results.json").at("task_addition") == addition);
  // Another seed is another run: nothing of the old one is taken for it.
  const ProcessResult other =
      run_process("{bin}/reproduce" + kSmallTasks + "--seed 1 --overwrite --out " + out + "/whole");
  BOOST_CHECK_EQUAL(other.status, 0);
  BOOST_CHECK(other.output.find("already done") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_configuration_file_sets_options) {
  const TemporaryDirectory folder;
  std::ofstream(folder.path() / "run.toml")
      << "preset = \"smoke\"\ntasks = [\"digits\"]\ncontrol = \"none\"\npretrain-steps = 3\n";
  const ProcessResult result = run_process("{bin}/pretrain --config " + (folder.path() / "run.toml").string() +
                                           " --out " + (folder.path() / "out").string());
  BOOST_REQUIRE_MESSAGE(result.status == 0, result.output);
  BOOST_CHECK_EQUAL(experiments::read_json(folder.path() / "out/results.json").at("losses").size(), 3);
}

BOOST_AUTO_TEST_CASE(a_configuration_file_with_an_unknown_option_is_refused) {
  const TemporaryDirectory folder;
  const std::string file = (folder.path() / "run.toml").string();
  const auto check = [&](const std::string& text, const std::string& message) {
    std::ofstream(file) << text;
    const ProcessResult result = run_process("{bin}/pretrain --config " + file + " --out " + folder.path().string());
    BOOST_CHECK_EQUAL(result.status, 2);
    check_says(result, file + message);
    BOOST_CHECK_MESSAGE(result.output.find("INI") == std::string::npos, result.output);
  };
  check("# preset\nseed = 1\npresett = \"smoke\"\n", ", line 3: no option 'presett'; nearest: 'preset'");
  check("pretrain_steps = 3\n", ", line 1: no option 'pretrain_steps'; nearest: 'pretrain-steps'");
  check("[seeds]\nseed = 1\n", ", line 2: no option 'seeds.seed'; nearest: 'seed'\n");
  check("thread\n", ", line 1: no option 'thread'; nearest: 'threads'");
  check(
      "seed = 1\nfinetune-lr = 0.1\n",
      ", line 2: --finetune-lr is no option here: nothing is trained with it here; `finetune` and `reproduce` have it");
  check("seed = 1 # the first\ntasks = [digits # , signs]\n", ", line 2: '[digits # , signs]' has a # within quotes, ");
  check("tasks = [\n\"digits\"]\n", ", line 1: '[' does not end with ]; a list stands on one line");
  check("# a = b c\n; a = b c\npreset = smoke quick\n", ", line 3: 'smoke quick' is more than one value; ");
  check("seed = 3,4\n", ", line 1: '3,4' is more than one value; ");
  check("out = \"a#1\"\n", ", line 1: '\"a#1\"' has a # within quotes, ");
  check("out = \"a\n", ", line 1: '\"a' has no closing quote");
  check("tasks = \"a\" \"b\"\n", ", line 1: '\"a\" \"b\"' is more than one value; make a list in [ ]");
  check("seed = 1 # one\r\ntasks = [\"a\"] b\r\n", ", line 2: '[\"a\"] b' goes on behind its ]");
  check("seed = 1\npreset = \"huge\"\n", ", line 2: --preset: huge not in ");
  check("threads = -3\n", ", line 1: --threads: ");
  check("help = true\n", ": help: This option is not allowed in a configuration file");
}

BOOST_AUTO_TEST_CASE(a_later_option_goes_before_an_earlier_one) {
  const TemporaryDirectory folder;
  const std::string out = folder.path().string();
  const ProcessResult result = run_process("{bin}/pretrain --preset quick --out " + out +
                                           "/a --tasks digits --control none --preset smoke --out " + out + "/b");
  BOOST_CHECK_MESSAGE(result.status == 0, result.output);
  BOOST_CHECK(!std::filesystem::exists(out + "/a") && std::filesystem::exists(out + "/b/results.json"));
}

BOOST_AUTO_TEST_CASE(mistakes_are_one_line_and_status_one) {
  const TemporaryDirectory folder;
  const std::string out = folder.path().string();
  std::ofstream(folder.path() / "file") << "not a folder";
  std::ofstream(folder.path() / "foreign.safetensors") << "version https://git-lfs.github.com/spec/v1\n";
  nn::write_safetensors(folder.path() / "other.safetensors", {{"weight", engine::Tensor::zeros({2})}});

  check_refusal("{bin}/pretrain --preset smoke --tasks digitz --out " + out + "/x", 1, {"no task 'digitz'", "digits"});
  check_refusal("{bin}/pretrain --preset smoke --tasks foo --out " + out + "/x", 1, {"no task 'foo'; known: digits "});
  check_refusal("{bin}/pretrain --preset smoke --tasks stl10 --out " + out + "/x", 1,
                {"'stl10' is a real set; --data says where those lie."});
  check_refusal(
      "{bin}/pretrain --preset smoke --tasks stl10 --data " + out + " --out " + out + "/x", 1,
      {"'stl10' is a real set, but none in " + out + "; looked for stl10, stl10/stl10_binary, stl10_binary;"});
  check_refusal("{bin}/pretrain --preset smoke --tasks digits,digits --out " + out + "/x", 1,
                {"'digits' is named twice"});
  check_refusal("{bin}/pretrain --preset smoke --tasks ../file --data " + out + " --out " + out + "/x", 1,
                {"no task '../file'"});
  check_refusal("{bin}/pretrain --preset smoke --control digits --tasks digits --out " + out + "/x", 1,
                {"'digits' is the control, which is no task; --control names another, or none"});
  check_refusal("{bin}/pretrain --task digits", 2, {"pretrain: no option 'task'; nearest: 'tasks'"});
  check_refusal("{bin}/datasets show --task digits", 2, {"datasets: no option 'task'\n"});
  check_refusal("{bin}/benchmark ntk --image 7", 2, {"benchmark: no option 'image'; nearest: 'images'"});
  check_refusal("{bin}/single_task --tasks digits --finetune-lr=0.1", 2,
                {"--finetune-lr is no option here: nothing is trained with it here"});
  check_refusal("{bin}/single_task --random-crop", 2, {"--random-crop is no option here"});
  check_refusal("{bin}/disentanglement --validation-images 7", 2,
                {"--validation-images is no option here: no such images"});
  check_refusal("{bin}/finetune --lr 1 --task digits --mode linear", 2, {"no option 'lr'; nearest: 'finetune-lr'"});
  check_refusal("{bin}/finetune --taks digits --mode linear", 2, {"finetune: no option 'taks'; nearest: 'task'"});
  check_refusal("{bin}/pretrain --preset smoke --tasks mnist --data " + out + "/missing --out " + out + "/x", 1,
                {out + "/missing", "no such folder"});
  check_refusal("{bin}/pretrain --preset smoke --width 30 --heads 4 --out " + out + "/x", 1,
                {"multiple of the heads; got 30 and 4"});
  check_refusal("{bin}/reproduce --preset smoke --out " + out + "/file", 1, {out + "/file", "cannot make this folder"});
  check_refusal("{bin}/reproduce --preset smoke --out " + out + "/file/below", 1,
                {out + "/file/below", "Not a directory"});
  const std::string finetune =
      "{bin}/finetune --preset smoke --task digits --mode linear --out " + out + "/y --pretrained " + out;
  check_refusal(finetune + "/none.safetensors", 1, {"none.safetensors", "No such file"});
  check_refusal(finetune + "/foreign.safetensors", 1, {"foreign.safetensors"});
  check_refusal(finetune + "/other.safetensors", 1, {"other.safetensors", "not a file of `pretrain`"});
}

// At such a learning rate values leave f32 within a few steps; in which op first depends on the machine.
BOOST_AUTO_TEST_CASE(training_that_diverges_names_the_step_and_on_request_the_op) {
  const TemporaryDirectory folder;
  const std::string command = "{bin}/pretrain --preset smoke --tasks digits --control none --pretrain-lr 1000 --out " +
                              folder.path().string() + "/";
  check_refusal(command + "a", 1,
                {"pretrain: [pretrain] the loss of step ", " is not finite; --check-finite names the op"});
  check_refusal(command + "b --check-finite", 1,
                {"pretrain: [pretrain] step ", ": [", "] its ", " made a value that is not finite: result ",
                 "it was given f32", "all finite."});
  for (const std::string run : {"a", "b"})
    BOOST_CHECK(!std::filesystem::exists(folder.path() / run / "pretrained.safetensors"));
}

BOOST_AUTO_TEST_CASE(weights_of_another_model_are_refused) {
  const TemporaryDirectory folder;
  const std::string out = folder.path().string();
  std::filesystem::copy(tests::finished_run(), out + "/a", std::filesystem::copy_options::recursive);
  BOOST_REQUIRE_EQUAL(run_process("{bin}/pretrain" + kSmallTasks + "--seed 1 --out " + out + "/b").status, 0);
  check_refusal("{bin}/task_addition" + kSmallTasks + "--pretrained " + out + "/b/pretrained.safetensors --finetuned " +
                    out + "/a/finetune --out " + out + "/c",
                1, {"finetuned.safetensors", "not fine-tuned from these pre-trained weights"});
  std::filesystem::copy_file(out + "/a/finetune/standard/signs/finetuned.safetensors",
                             out + "/a/finetune/linear/digits/finetuned.safetensors",
                             std::filesystem::copy_options::overwrite_existing);
  check_refusal("{bin}/task_addition" + kSmallTasks + "--pretrained " + out +
                    "/a/pretrain/pretrained.safetensors --finetuned " + out + "/a/finetune --out " + out + "/c",
                1, {"linear/digits/finetuned.safetensors", "not fine-tuned on digits"});
  // One tensor missing, one with another shape.
  nn::SafetensorsFile file = nn::read_safetensors(out + "/b/pretrained.safetensors");
  const engine::Tensor kept = file.tensors.at("visual.proj");
  const std::string finetune = "{bin}/finetune --preset smoke --task digits --mode linear --out " + out +
                               "/d --pretrained " + out + "/changed.safetensors";
  file.tensors.erase("visual.proj");
  nn::write_safetensors(out + "/changed.safetensors", file.tensors, file.metadata);
  check_refusal(finetune, 1, {"changed.safetensors", "no tensor 'visual.proj'"});
  file.tensors.emplace("visual.proj", kept.slice(0, 0, 2));
  nn::write_safetensors(out + "/changed.safetensors", file.tensors, file.metadata);
  check_refusal(finetune, 1, {"changed.safetensors", "'visual.proj' must be"});
}

BOOST_AUTO_TEST_CASE(two_runs_into_one_folder_are_refused) {
  const TemporaryDirectory folder;
  const std::string out = (folder.path() / "run").string();
  {
    const experiments::RunFolder running(out);
    std::ofstream(running / "results.json.1-0.unfinished") << "{";
    check_refusal("{bin}/pretrain" + kSmallTasks + "--out " + out, 1, {out, "another run is writing", "--out"});
    BOOST_CHECK(std::filesystem::exists(running / "results.json.1-0.unfinished"));  // it may be that run's
    check_refusal("{bin}/reproduce" + kSmallTasks + "--out " + out, 1, {out, "another run is writing", "--out"});
    BOOST_CHECK_THROW(experiments::RunFolder{out}, std::runtime_error);
  }
  const experiments::RunFolder next(out);  // after its end
  BOOST_CHECK(std::filesystem::is_empty(out));
}

BOOST_AUTO_TEST_CASE(a_disk_that_fills_up_leaves_nothing_half_written) {
  const TemporaryDirectory folder;
  const std::string out = (folder.path() / "full").string();
  // No file may grow beyond 32 KiB: the weights do not fit.
  const ProcessResult result =
      run_process("bash -c 'ulimit -f 32; exec {bin}/pretrain" + kSmallTasks + "--out " + out + "'");
  BOOST_CHECK_EQUAL(result.status, 1);
  BOOST_CHECK_MESSAGE(result.output.find("pretrained.safetensors") != std::string::npos, result.output);
  for (const auto& entry : std::filesystem::directory_iterator(out)) {
    const std::string name = entry.path().filename().string();
    BOOST_CHECK_MESSAGE(name == "manifest.json" || name == ".lock", name);
  }
}

BOOST_AUTO_TEST_CASE(a_step_takes_no_more_images_than_there_are) {
  const TemporaryDirectory folder;
  const std::string out = folder.path().string();
  const std::string weights =
      " --pretrained " + tests::finished_run() + "/pretrain/pretrained.safetensors --out " + out;
  const ProcessResult run =
      run_process("{bin}/finetune --preset smoke --task digits --mode linear --batch 1000" + weights);
  BOOST_CHECK_MESSAGE(run.status == 0, run.output);
  check_says(run, "finetune digits (linear): has 96 images, fewer than the 1000 of a step: each takes all");
}

BOOST_AUTO_TEST_CASE(real_sets_are_learned_and_told_apart) {
  const TemporaryDirectory folder;
  const std::string out = folder.path().string();
  write_idx_set(folder.path() / "data/first", 0);
  write_idx_set(folder.path() / "data/second_set", 1);
  const std::string command =
      "{bin}/reproduce --preset smoke --tasks first,second_set --control none --experiments task_addition --data " +
      out + "/data --out " + out + "/run";
  const ProcessResult first = run_process(command);
  BOOST_REQUIRE_MESSAGE(first.status == 0, first.output);
  BOOST_CHECK(first.output.find("second") != std::string::npos);
  BOOST_CHECK(run_process(command).output.find("pretrain: already done") != std::string::npos);
  write_idx_set(folder.path() / "data/second_set", 2);  // other pictures under the same name
  check_refusal(command, 1, {"content.second_set: ", "--overwrite"});
  const ProcessResult other = run_process(command + " --overwrite");
  BOOST_CHECK_EQUAL(other.status, 0);
  BOOST_CHECK(other.output.find("already done") == std::string::npos);
  std::filesystem::resize_file(folder.path() / "data/first/train-images-idx3-ubyte", 100);
  const ProcessResult cut = run_process(command + " --overwrite");
  BOOST_CHECK_EQUAL(cut.status, 1);
  check_says(cut, "train-images-idx3-ubyte");
  std::filesystem::rename(folder.path() / "data/second_set", folder.path() / "data/digits");
  check_refusal(
      "{bin}/pretrain --preset smoke --tasks digits --control none --data " + out + "/data --out " + out + "/x", 1,
      {"'digits' is a built-in task, and a set in " + out + "/data/digits; rename that folder"});
}

BOOST_AUTO_TEST_CASE(a_damaged_picture_stops_a_run_before_it_trains) {
  const TemporaryDirectory folder;
  const std::vector<std::uint8_t> rgb(5 * 6 * 3, 128);
  for (const std::string place : {"train/a", "train/b", "test/a", "test/b"}) {
    std::filesystem::create_directories(folder.path() / "data/mine" / place);
    for (int i = 0; i < 9; ++i)
      datasets::write_png(folder.path() / "data/mine" / place / (std::to_string(i) + ".png"), 5, 6, rgb);
  }
  const std::string out = folder.path().string();
  for (const std::string picture : {"test/b/7.png", "train/a/1.png", "train/b/5.png"}) {  // not all are pre-trained on
    const std::filesystem::path damaged = folder.path() / "data/mine" / picture;
    std::filesystem::resize_file(damaged, 30);
    check_refusal("{bin}/reproduce --preset smoke --random-crop --tasks mine,digits --control none --data " + out +
                      "/data --out " + out + "/run",
                  1, {damaged.string()});
    BOOST_CHECK(!std::filesystem::exists(folder.path() / "run/pretrain/pretrained.safetensors"));
    datasets::write_png(damaged, 5, 6, rgb);
  }
}

BOOST_AUTO_TEST_CASE(data_sets_are_listed_shown_and_checked) {
  const TemporaryDirectory folder;
  const std::string out = folder.path().string();
  const auto says = [](const ProcessResult& result, int status, const std::vector<std::string>& parts) {
    BOOST_CHECK_MESSAGE(result.status == status, result.output);
    for (const std::string& part : parts) {
      BOOST_CHECK_MESSAGE(result.output.find(part) != std::string::npos, "'" << part << "' missing in:\n"
                                                                             << result.output);
    }
  };
  says(run_process("{bin}/datasets show signs --samples 2 --distribution web --out " + out), 0, {"signs_web.png"});
  BOOST_CHECK(std::filesystem::file_size(folder.path() / "signs_web.png") > 1000);

  write_idx_set(folder.path() / "data/first", 0);
  const auto write_photo = [&](const std::string& file) {
    std::filesystem::create_directories((folder.path() / "data" / file).parent_path());
    std::ofstream(folder.path() / "data" / file) << "P6 1 1 255\nabc";
  };
  for (int i = 1; i <= 20; ++i) write_photo("photos/train/cat/" + std::to_string(i) + ".ppm");
  write_photo("photos/test/cat/3.ppm");
  const std::string data = " --data " + out + "/data ";
  std::filesystem::create_directories(folder.path() / "data/half/train/cat");
  std::filesystem::create_directories(folder.path() / "data/notes");
  std::filesystem::create_directory_symlink("loop", folder.path() / "data/loop");
  std::filesystem::create_directories(folder.path() / "data/cifar");
  std::ofstream(folder.path() / "data/cifar/data_batch_1") << "a pickle";
  says(run_process("{bin}/datasets list" + data), 0,
       {"Passed over in " + out + "/data:\n  'cifar': looks like cifar10, which needs data_batch_{1..5}.bin",
        "  'half': looks like class_folders, which needs train/CLASS/*, {test,",
        "  'notes': in no layout that is looked for\n", "  'loop': a link that cannot be followed\n", "objects",
        "first             idx                  3      180         20       40  " + out + "/data/first",
        "photos            class_folders        1       18          2        1", "EuroSAT_splits", "Partitions/"});
  says(run_process("{bin}/datasets show first" + data + "--out " + out), 0,
       {"first.png", "bright one                                       65          2         13", "train: mean 0."});
  says(run_process("{bin}/datasets show photos" + data + "--out " + out), 0,
       {"train: pictures 1 wide and 1 high\n", "validation: pictures 1 wide"});
  says(run_process("{bin}/datasets check" + data), 0, {"first: 240 images, 0 errors", "photos: 21 images, 0 errors"});

  std::ofstream(folder.path() / "data/photos/train/cat/1.ppm") << "";
  std::ofstream(folder.path() / "data/photos/test/cat/3.ppm") << "P6 1 1 255\nabcd";
  says(run_process("{bin}/datasets check photos" + data), 1,
       {"train/cat/1.ppm: is empty", "test/cat/3.ppm: 1 x 1 pixels need 3 bytes, but 4 follow", "[check] 2 errors"});
  // A validation folder of its own is read too, and a sheet goes on without what cannot be read.
  for (int i = 1; i <= 20; ++i) write_photo("own/train/cat/" + std::to_string(i) + ".ppm");
  for (const std::string part : {"val", "test"}) write_photo("own/" + part + "/cat/1.ppm");
  for (const char* const file : {"train/cat/1.ppm", "val/cat/1.ppm"})
    std::ofstream(folder.path() / "data/own" / file) << "";
  says(run_process("{bin}/datasets check own" + data), 1,
       {"train/cat/1.ppm: is empty", "val/cat/1.ppm: is empty", "own: 22 images, 2 errors"});
  says(run_process("{bin}/datasets show own" + data + "--out " + out), 0,
       {"own.png", "train: 1 images cannot be read", "validation: 1 images cannot be read"});
  check_refusal("{bin}/datasets show own --image-size 1024 --samples 1000" + data + "--out " + out, 1,
                {"pixels are too many for a sheet"});
  check_refusal("{bin}/datasets check signs" + data, 1, {"'signs' is built in"});
  // A class without pictures, in a set whose name needs quotes.
  std::filesystem::create_directories(folder.path() / "data/my pictures/train/empty");
  for (const std::string file : {"train/cat/1.ppm", "train/cat/2.ppm", "test/cat/1.ppm"})
    write_photo("my pictures/" + file);
  says(run_process("{bin}/datasets check 'my pictures/'" + data), 1,
       {"no picture (jpg, png, bmp, ppm, pgm) to train on of class 'empty'", "my pictures: 3 images, 1 error\n",
        "note: [data] " + out + "/data/my pictures: no picture of class 'empty' in the test part."});
  // What the programs would refuse: too few images to divide, two classes of one name.
  std::filesystem::remove(folder.path() / "data/my pictures/train/empty");
  says(run_process("{bin}/datasets check 'my pictures'" + data), 1, {"2 images are too few to divide", ", 1 error\n"});
  for (int i = 3; i <= 20; ++i) write_photo("my pictures/train/Cat/" + std::to_string(i) + ".ppm");
  says(run_process("{bin}/datasets check 'my pictures'" + data), 1, {"the class 'cat' occurs twice", ", 1 error\n"});
  check_refusal("{bin}/datasets check --data " + out, 1, {"no set in " + out, "datasets list"});
  check_refusal("{bin}/datasets check --data " + out + "/data/first", 1, {"is itself a set"});
  check_refusal("{bin}/pretrain --tasks first --data " + out + "/data/first --out " + out + "/x", 1,
                {"is itself a set"});
  check_refusal("{bin}/finetune --mode linear --task frist" + data, 1, {"no task 'frist'; nearest: 'first'"});
  check_refusal("({bin}/datasets list > /dev/full)", 1, {"could not be written"});
  BOOST_CHECK_EQUAL(run_process("{bin}/datasets").status, 2);
  BOOST_CHECK_EQUAL(run_process("{bin}/datasets check").status, 2);
}

BOOST_AUTO_TEST_CASE(contact_sheets_are_written) {
  const TemporaryDirectory folder;
  const ProcessResult result =
      run_process("{bin}/contact_sheet --task signs --samples 2 --out " + folder.path().string());
  BOOST_CHECK_MESSAGE(result.status == 0, result.output);
  BOOST_CHECK(std::filesystem::file_size(folder.path() / "signs_target.png") > 1000);
  check_refusal("{bin}/contact_sheet --task nosuch --out " + folder.path().string(), 1, {"nosuch"});
}

// The benchmark's own rows are measured elsewhere; here, that it answers at all.
BOOST_AUTO_TEST_CASE(the_benchmark_prints_one_json_object) {
  const ProcessResult result = run_process(
      "({bin}/benchmark --works vit128 --modes forward,stream,linearised_forward --threads 1 --rounds 1 --json "
      "2>/dev/null)");
  BOOST_CHECK_EQUAL(result.status, 0);
  const nlohmann::json report = nlohmann::json::parse(result.output);
  BOOST_CHECK_GT(report.at("sgemm_gflops").get<double>(), 0.0);
  BOOST_CHECK_EQUAL(report.at("rows").size(), 2u);
  BOOST_CHECK_EQUAL(report.at("rows")[1].at("mode").get<std::string>(), "stream");
  BOOST_CHECK_GT(report.at("ratios")[0].at("ratio").get<double>(), 0.0);
  check_refusal("{bin}/benchmark --works vit9 --rounds 1", 2, {"vit9", "vit192"});
  check_refusal("{bin}/benchmark --profile --json", 2, {"--json excludes --profile"});
  check_refusal("{bin}/benchmark --profile --threads 2", 2, {"--threads excludes --profile"});
  check_refusal("{bin}/benchmark --works vit128 ntk", 2, {"--works: stands before 'ntk'"});
  const ProcessResult served =
      run_process("(printf 'prepare vit128 forward 1\nrun vit128 nothing 1\nquit\n' | {bin}/benchmark --serve)");
  BOOST_CHECK_MESSAGE(served.output.find("\"ok\":true") != std::string::npos, served.output);
  BOOST_CHECK_MESSAGE(served.output.find("no mode 'nothing'") != std::string::npos, served.output);
}

BOOST_AUTO_TEST_CASE(the_benchmark_tells_how_long_training_waits) {
  const TemporaryDirectory folder;
  write_idx_set(folder.path() / "first", 0);
  const std::string command = "{bin}/benchmark data --preset smoke --tasks digits,first --data " +
                              folder.path().string() + " --threads 1,2 --steps 2 --rounds 1";
  const ProcessResult result = run_process("(" + command + " --json 2>/dev/null)");
  BOOST_CHECK_EQUAL(result.status, 0);
  const nlohmann::json rows = nlohmann::json::parse(result.output).at("rows");
  BOOST_CHECK_EQUAL(rows.size(), 8u);  // two tasks, in memory and with crops, on 1 and on 2 threads
  for (const nlohmann::json& row : rows) {
    for (const std::string share : {"waiting_share", "waiting_share_when_due"})
      BOOST_CHECK(row.at(share) >= 0.0 && row.at(share) <= 1.0);
    BOOST_CHECK_GT(row.at("step_seconds").get<double>(), 0.0);
    BOOST_CHECK_GT(row.at("batch_seconds").get<double>(), 0.0);
  }
  const ProcessResult table = run_process(command);
  BOOST_CHECK_MESSAGE(table.output.find("% waiting: ahead") != std::string::npos, table.output);
  check_refusal("{bin}/benchmark data --preset smoke --tasks nosuch", 1, {"no task 'nosuch'"});
  BOOST_CHECK_EQUAL(run_process("{bin}/benchmark dada").status, 2);
}

BOOST_AUTO_TEST_CASE(the_benchmark_times_the_tangent_kernel) {
  const ProcessResult result =
      run_process("({bin}/benchmark ntk --work vit128 --images 3 --threads 1,2 --rounds 1 --json 2>/dev/null)");
  BOOST_CHECK_EQUAL(result.status, 0);
  const nlohmann::json report = nlohmann::json::parse(result.output);
  BOOST_CHECK_EQUAL(report.at("rows").size(), 2u);
  for (const nlohmann::json& row : report.at("rows")) {
    BOOST_CHECK_GT(row.at("kernel_seconds").get<double>(), 0.0);
    BOOST_CHECK_GT(row.at("product_seconds").get<double>(), 0.0);
    BOOST_CHECK_GT(row.at("tensor_bytes").get<double>(), 0.0);
  }
  check_refusal("{bin}/benchmark ntk --images 0", 2, {"--images"});
}

BOOST_AUTO_TEST_CASE(fine_tuning_on_random_crops_is_another_run) {
  const TemporaryDirectory folder;
  const std::string out = folder.path().string();
  const std::string options = pretrain_on_first(out);
  const auto checksum = [&](const std::string& more) {
    const ProcessResult result = run_process("{bin}/finetune --mode linear --task first" + options + "--pretrained " +
                                             out + "/p/pretrained.safetensors --out " + out + "/f" + more);
    BOOST_REQUIRE_MESSAGE(result.status == 0, result.output);
    BOOST_CHECK_MESSAGE(result.output.find("already done") == std::string::npos, result.output);
    return experiments::read_json(out + "/f/results.json").at("checksum").get<std::string>();
  };
  const std::string plain = checksum("");
  const std::string cropped = checksum(" --random-crop --threads 1 --overwrite");
  BOOST_CHECK_NE(cropped, plain);
  BOOST_CHECK_EQUAL(checksum(" --threads 1 --overwrite"), plain);
  BOOST_CHECK_EQUAL(checksum(" --random-crop --threads 5 --overwrite"), cropped);
}

BOOST_AUTO_TEST_CASE(fine_tuning_goes_on_with_the_seed_of_pre_training) {
  const TemporaryDirectory folder;
  const std::string out = folder.path().string();
  BOOST_REQUIRE_EQUAL(
      run_process("{bin}/pretrain --preset smoke --tasks digits --control none --seed 3 --out " + out + "/p").status,
      0);
  const std::string on_digits = " --task digits --pretrained " + out + "/p/pretrained.safetensors --out " + out;
  const auto seed_in = [&](const std::string& place, const std::string& command) {
    const ProcessResult result = run_process("{bin}/" + command + on_digits + place);
    BOOST_CHECK_MESSAGE(result.status == 0, result.output);
    return experiments::read_json(out + place + "/manifest.json").at("seed").get<int>();
  };
  BOOST_CHECK_EQUAL(seed_in("/f", "finetune --preset smoke --mode standard"), 3);
  BOOST_CHECK_EQUAL(seed_in("/z", "zero_shot --images 8"), 3);
  BOOST_CHECK_EQUAL(seed_in("/other", "zero_shot --images 8 --seed 4"), 4);
}

BOOST_AUTO_TEST_CASE(only_the_named_parameters_are_fine_tuned) {
  const TemporaryDirectory folder;
  const std::string out = folder.path().string();
  const std::string options = pretrain_on_first(out);
  const std::string finetune =
      "{bin}/finetune --task first" + options + "--pretrained " + out + "/p/pretrained.safetensors ";
  const nn::SafetensorsFile before = nn::read_safetensors(out + "/p/pretrained.safetensors");
  for (const std::string mode : {"standard", "linear"}) {
    const std::string place = out + "/f/" + mode + "/first";
    BOOST_REQUIRE_EQUAL(run_process(finetune + "--mode " + mode + " --train-only attn,proj --out " + place).status, 0);
    const nn::SafetensorsFile after = nn::read_safetensors(place + "/finetuned.safetensors");
    std::int64_t seen = 0;
    for (const auto& [name, values] : after.tensors) {
      if (!name.starts_with("visual.")) continue;
      ++seen;
      const bool trains = name == "visual.proj" || name.find(".attn.") != std::string::npos;
      BOOST_CHECK_MESSAGE((values_of(values) != values_of(before.tensors.at(name))) == trains, name);
    }
    BOOST_CHECK_GT(seen, 10);
  }
  // A slip loses nothing of what was finished.
  check_says(run_process(finetune + "--mode linear --train-only atn --overwrite --out " + out + "/f/linear/first"),
             "atn");
  BOOST_CHECK(std::filesystem::exists(out + "/f/linear/first/results.json"));
  check_says(run_process("{bin}/pretrain --tasks first --control none" + options + "--overwrite --heads 5 --out " +
                         out + "/p"),
             "heads");
  BOOST_CHECK(std::filesystem::exists(out + "/p/pretrained.safetensors"));
  // What is trained beside them must be trained alike: the programs know from the manifests, or from what is not 0.
  const std::string beside = options + "--tasks first --pretrained " + out + "/p/pretrained.safetensors --finetuned " +
                             out + "/f --out " + out + "/k ";
  std::filesystem::remove(out + "/f/linear/first/manifest.json");
  BOOST_REQUIRE_EQUAL(run_process("{bin}/kernel_regression --iterations 3" + beside).status, 0);
  const nn::SafetensorsFile solved = nn::read_safetensors(out + "/k/linear/first/finetuned.safetensors");
  const std::string mlp = "visual.transformer.resblocks.0.mlp.c_fc.weight";
  BOOST_CHECK(values_of(solved.tensors.at(mlp)) == values_of(before.tensors.at(mlp)));
  BOOST_CHECK(values_of(solved.tensors.at("visual.proj")) != values_of(before.tensors.at("visual.proj")));
  check_refusal("{bin}/random_init --train-only mlp" + beside, 1, {"train_only", "\"mlp\"", "\"attn\""});
  check_refusal(finetune + "--mode linear --train-only atn --out " + out + "/g", 1, {"'atn'", "'attn'"});
  check_refusal("{bin}/reproduce --preset smoke --train-only atn --out " + out + "/g", 1, {"'atn'", "'attn'"});
  check_refusal("{bin}/sweep --preset smoke --values 3 --train-only atn --out " + out + "/g", 1, {"'atn'", "'attn'"});
  check_refusal("{bin}/single_task --train-only attn", 2, {"--train-only", "finetune"});
}

BOOST_AUTO_TEST_SUITE_END()
