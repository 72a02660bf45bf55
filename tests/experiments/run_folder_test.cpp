// Where a run leaves its files, and what becomes of those of an earlier one.
#include "experiments/common/run_folder.hpp"

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "experiments/common/machine.hpp"
#include "tests/experiments/finished_run.hpp"
#include "tests/experiments/process.hpp"
#include "tests/support/temporary_directory.hpp"

using experiments::Json;
using experiments::read_json;
using experiments::RunFolder;
using tests::check_says;
using tests::finished_run;
using tests::ProcessResult;
using tests::run_process;
using tests::TemporaryDirectory;

BOOST_AUTO_TEST_SUITE(run_folder)

BOOST_AUTO_TEST_CASE(finished_results_stay_until_they_are_replaced_by_their_like) {
  const TemporaryDirectory temporary;
  const RunFolder folder(temporary.path() / "run");
  const Json options{{"steps", 1}};
  folder.finish(folder.begin("x", options, 0, 1), {{"value", 1}});
  const Json manifest = read_json(folder / "manifest.json");

  const Json again = folder.begin("x", options, 0, 2);  // and that run fails
  BOOST_CHECK(folder.finished(options) == Json({{"value", 1}}));
  BOOST_CHECK(read_json(folder / "manifest.json") == manifest);
  folder.finish(again, {{"value", 2}});  // or not
  BOOST_CHECK(read_json(folder / "results.json") == Json({{"value", 2}}));
  BOOST_CHECK_EQUAL(read_json(folder / "manifest.json").at("threads").get<int>(), 2);
}

BOOST_AUTO_TEST_CASE(finished_results_are_lost_to_other_options_only_when_told_to) {
  const TemporaryDirectory temporary;
  const RunFolder folder(temporary.path() / "run");
  const std::filesystem::path weights = folder / "weights";
  const Json options{{"seed", 7},
                     {"finetune", {{"steps", 80}, {"lr", 0.5}}},
                     {"tasks", {"a", "b"}},
                     {"sets", {{{"name", "mine"}, {"content", "d"}}}}};
  const Json manifest = folder.begin("x", options, 0, 1, weights);
  std::ofstream(weights) << "w";
  folder.finish(manifest, {{"value", 1}});

  const auto refused = [&](const Json& other, const std::string& difference) {
    const std::string message = "[out] " + folder.path().string() + ": has the finished results of other options (" +
                                difference + "); give another --out, or --overwrite to replace that.";
    BOOST_CHECK_EXCEPTION(folder.begin("x", other, 0, 1, weights), std::runtime_error, [&](const auto& error) {
      BOOST_CHECK_EQUAL(error.what(), message);
      return true;
    });
    BOOST_CHECK(read_json(folder / "manifest.json") == manifest);
    BOOST_CHECK(read_json(folder / "results.json") == Json({{"value", 1}}));
    BOOST_CHECK(std::filesystem::exists(weights));
  };
  const auto with = [&](const Json& changes) {
    Json other = options;
    other.merge_patch(changes);
    return other;
  };
  refused(with({{"finetune", {{"steps", 100}}}, {"tasks", {"a"}}}), "finetune.steps: 80, now 100");
  refused(with({{"tasks", {"a"}}}), "tasks: [\"a\",\"b\"], now [\"a\"]");
  refused(with({{"finetune", {{"crop", true}}}}), "finetune.crop: not noted, now true");
  refused(with({{"seed", nullptr}}), "seed: 7, now not noted");
  refused(with({{"tasks", {"a", "c"}}}), "tasks.1: b, now c");
  refused(with({{"sets", {{{"name", "mine"}, {"content", "e"}}}}}), "sets.mine.content: d, now e");

  experiments::set_overwrite(true);
  const Json other = with({{"seed", 8}});
  const Json next = folder.begin("x", other, 0, 1, weights);
  experiments::set_overwrite(false);
  BOOST_CHECK(!std::filesystem::exists(folder / "results.json"));
  BOOST_CHECK(!std::filesystem::exists(weights));
  folder.finish(next, {{"value", 3}});
  BOOST_CHECK(folder.finished(other, {}) == Json({{"value", 3}}));

  std::ofstream(folder / "manifest.json") << "{";
  BOOST_CHECK_THROW(folder.begin("x", other, 0, 1), std::runtime_error);
}

BOOST_AUTO_TEST_CASE(results_of_another_program_are_never_replaced) {
  const TemporaryDirectory temporary;
  const RunFolder folder(temporary.path() / "run");
  folder.finish(folder.begin("x", {{"steps", 1}}, 0, 1), {{"value", 1}});
  const std::string message =
      "[out] " + folder.path().string() + ": has the finished results of another program, x; give another --out.";
  for (const bool overwrite : {false, true}) {
    experiments::set_overwrite(overwrite);
    BOOST_CHECK_EXCEPTION(static_cast<void>(folder.begin("y", {{"stage", "y"}}, 0, 1)), std::runtime_error,
                          [&](const auto& error) { return error.what() == message; });
    experiments::set_overwrite(false);
  }
  BOOST_CHECK(read_json(folder / "results.json") == Json({{"value", 1}}));
}

BOOST_AUTO_TEST_CASE(an_unfinished_run_gives_way_to_other_options_only_when_told_to) {
  const TemporaryDirectory temporary;
  const RunFolder folder(temporary.path() / "run");
  const auto begin = [&](const Json& options) {
    BOOST_CHECK_EQUAL(folder.begin("x", options, 0, 1).at("fingerprint"), options);
  };
  begin({{"steps", 1}});
  begin({{"steps", 2}});  // of the first nothing is there
  std::ofstream(folder / experiments::kCheckpoint) << "half of it";
  begin({{"steps", 2}});
  BOOST_CHECK_EXCEPTION(begin({{"steps", 3}}), std::runtime_error, [](const std::runtime_error& error) {
    return std::string(error.what()).find("has an unfinished run of other options (steps: 2, now 3)") !=
           std::string::npos;
  });
  BOOST_CHECK(std::filesystem::exists(folder / experiments::kCheckpoint));
  experiments::set_overwrite(true);
  begin({{"steps", 3}});
  experiments::set_overwrite(false);
  BOOST_CHECK(!std::filesystem::exists(folder / experiments::kCheckpoint));
}

BOOST_AUTO_TEST_CASE(what_a_killed_run_left_half_written_is_removed) {
  const TemporaryDirectory temporary;
  const std::filesystem::path folder = temporary.path() / "run";
  std::filesystem::create_directories(folder / "pretrain.unfinished/below");
  std::ofstream(folder / "pretrain.unfinished/below/file") << "half of a copy";
  std::ofstream(folder / "results.json.1-2.unfinished") << "half of a file";
  std::ofstream(folder / "results.json") << "{}";
  const RunFolder opened(folder);
  BOOST_CHECK(!std::filesystem::exists(folder / "pretrain.unfinished"));
  BOOST_CHECK(!std::filesystem::exists(folder / "results.json.1-2.unfinished"));
  BOOST_CHECK(std::filesystem::exists(folder / "results.json"));
}

BOOST_AUTO_TEST_CASE(weights_of_which_no_manifest_tells_stay) {
  const TemporaryDirectory temporary;
  const RunFolder folder(temporary.path() / "run");
  const std::filesystem::path weights = folder / "weights";
  std::ofstream(weights) << "of a colleague";
  BOOST_CHECK_THROW(static_cast<void>(folder.begin("x", {{"steps", 1}}, 0, 1, weights)), std::runtime_error);
  BOOST_CHECK(std::filesystem::exists(weights));
}

BOOST_AUTO_TEST_CASE(results_without_their_weights_are_not_finished) {
  const TemporaryDirectory temporary;
  const RunFolder folder(temporary.path() / "run");
  const std::filesystem::path weights = folder / "weights";
  folder.finish(folder.begin("x", {{"steps", 1}}, 0, 1, weights), {{"value", 1}});
  BOOST_CHECK(!folder.already_done("x", {{"steps", 1}}, weights).has_value());
  std::ofstream(weights) << "w";
  std::ofstream(folder / experiments::kCheckpoint) << "of a run that was killed at its very end";
  BOOST_CHECK(folder.already_done("x", {{"steps", 1}}, weights) == Json({{"value", 1}}));
  BOOST_CHECK(!std::filesystem::exists(folder / experiments::kCheckpoint));
  std::filesystem::remove(weights);
  const Json manifest = folder.begin("x", {{"steps", 1}}, 0, 1, weights);
  BOOST_CHECK(!std::filesystem::exists(folder / "results.json"));
}

BOOST_AUTO_TEST_CASE(a_run_that_fails_leaves_what_an_earlier_one_found) {
  const TemporaryDirectory temporary;
  const std::string out = (temporary.path() / "run").string();
  std::filesystem::copy(finished_run(), out, std::filesystem::copy_options::recursive);
  const Json results = read_json(out + "/results.json");
  const std::string command = "{bin}/reproduce --preset smoke --tasks digits,signs --control objects --out " + out;
  // Its weights are damaged, so that the stage behind them fails.
  std::filesystem::resize_file(out + "/pretrain/pretrained.safetensors", 100);
  BOOST_CHECK_EQUAL(run_process(command).status, 1);
  BOOST_CHECK(read_json(out + "/results.json") == results);
  const std::string other = command + " --seed 1 --experiments pretrain";
  const ProcessResult refused = run_process(other);
  BOOST_CHECK_EQUAL(refused.status, 1);
  check_says(refused, out + ": has the finished results of other options (seed: 0, now 1); give another --out");
  BOOST_CHECK(read_json(out + "/results.json") == results);
  check_says(run_process(other + " --overwrite"), out + "/pretrain: replacing the finished results of other options");
  BOOST_CHECK(!read_json(out + "/results.json").contains("task_addition"));
}

BOOST_AUTO_TEST_CASE(each_program_writes_where_reproduce_does) {
  const TemporaryDirectory temporary;
  std::filesystem::copy(finished_run(), temporary.path() / "runs", std::filesystem::copy_options::recursive);
  const auto here = [&](const std::string& command) {
    return run_process("cd " + temporary.path().string() + " && {bin}/" + command);
  };
  const std::string tasks = " --preset smoke --tasks digits,signs";
  check_says(here("pretrain --control objects" + tasks), "pretrain: already done in runs/pretrain\n");
  check_says(here("finetune --preset smoke --task digits --mode linear"),
             "finetune digits (linear): already done in runs/finetune/linear/digits\n");
  check_says(here("single_task" + tasks), "single task: already done in runs/single_task\n");
  check_says(here("linearization_error" + tasks), "linearization error: already done in runs/linearization_error\n");
  check_says(here("task_addition" + tasks), "task addition: already done in runs/task_addition\n");
  check_says(here("task_negation" + tasks), "task negation: already done in runs/task_negation\n");
  check_says(here("disentanglement" + tasks), "disentanglement: already done in runs/disentanglement\n");
  check_says(here("ntk_localization --control objects" + tasks),
             "ntk localization: already done in runs/ntk_localization\n");
  std::filesystem::remove(temporary.path() / "runs/finetune/linear/digits/finetuned.safetensors");
  check_says(here("task_addition" + tasks),
             "runs/finetune/linear/digits: holds neither finetuned.safetensors, which `finetune --task digits --mode "
             "linear` makes, nor model.safetensors, nor open_clip_model.safetensors of others (docs/clip.md).\n");
  std::filesystem::remove(temporary.path() / "runs/pretrain/pretrained.safetensors");
  check_says(here("task_addition" + tasks), "runs/pretrain/pretrained.safetensors: No such file; `pretrain` makes one");
}

BOOST_AUTO_TEST_CASE(a_manifest_tells_the_command_as_a_shell_takes_it) {
  BOOST_CHECK_EQUAL(experiments::quoted_for_shell("--out"), "--out");
  BOOST_CHECK_EQUAL(experiments::quoted_for_shell("a b"), "'a b'");
  BOOST_CHECK_EQUAL(experiments::quoted_for_shell("it's"), "'it'\\''s'");
  BOOST_CHECK_EQUAL(experiments::quoted_for_shell(""), "''");
  const std::string command = read_json(finished_run() + "/manifest.json").at("command").get<std::string>();
  BOOST_CHECK_MESSAGE(
      command.ends_with("reproduce --preset smoke --tasks digits,signs --control objects --experiments all --out " +
                        finished_run()),
      command);
}

BOOST_AUTO_TEST_SUITE_END()
