// A run of `reproduce` that is killed, or finds the disk full, loses nothing that was finished: the same command ends
// with the weights and results of an undisturbed run, bit for bit.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <csignal>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "engine/tensor/atomic_file.hpp"
#include "engine/tensor/random.hpp"
#include "experiments/common/run_folder.hpp"
#include "tests/experiments/process.hpp"
#include "tests/support/temporary_directory.hpp"

using experiments::Json;
using experiments::RunFolder;
using tests::bytes_of_file;
using tests::ProcessResult;
using tests::run_process;
using tests::TemporaryDirectory;

namespace fs = std::filesystem;

BOOST_AUTO_TEST_SUITE(resume)

namespace {

constexpr std::uint64_t kSeed = 20;

using Options = std::vector<std::string>;

// A checkpoint after each step.
const Options kShort{"--preset",     "smoke", "--tasks",       "digits,signs",
                     "--control",    "none",  "--threads",     "2",
                     "--save-every", "0",     "--experiments", "single_task,task_addition"};

Options longer(const std::string& experiments,
               const std::string& control = "none") {  // enough to be killed in every stage
  Options options = kShort;
  options.back() = experiments;
  *std::ranges::find(options, "none") = control;
  options.insert(options.end(), {"--pretrain-steps", "30", "--finetune-steps", "20"});
  return options;
}

std::string command(const Options& options, const fs::path& out) {
  std::string text = "{bin}/reproduce";
  for (const std::string& option : options) text += " " + option;
  return text + " --out " + out.string();
}

void without_times(Json& json) {
  if (json.is_object()) {
    for (const std::string key : {"seconds", "started"}) json.erase(key);
  }
  if (json.is_structured()) {
    for (Json& value : json) without_times(value);
  }
}

// Every file of a run by its path in the folder: its bytes; of a complete JSON file all but the times; of a page, which
// shows times, only that it is there.
std::map<std::string, std::string> contents(const fs::path& out) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(out)) {
    if (!entry.is_regular_file()) continue;
    std::string& text = files[entry.path().lexically_relative(out).string()];
    if (entry.path().extension() == ".html") continue;
    text = bytes_of_file(entry.path());
    if (entry.path().extension() != ".json") continue;
    Json json = experiments::read_json(entry.path());
    without_times(json);
    text = json.dump();
  }
  return files;
}

void check_same(const std::map<std::string, std::string>& got, const std::map<std::string, std::string>& expected,
                const std::string& when) {
  for (const auto& [file, text] : expected) {
    BOOST_CHECK_MESSAGE(got.contains(file), when << ": " << file << " is missing");
    if (got.contains(file)) BOOST_CHECK_MESSAGE(got.at(file) == text, when << ": " << file << " differs");
  }
  for (const auto& [file, text] : got)
    BOOST_CHECK_MESSAGE(expected.contains(file), when << ": " << file << " was left behind");
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// A running program that this test may kill; its words go to a file.
class Running {
 public:
  Running(const Options& options, const fs::path& out, const fs::path& log) {
    std::vector<std::string> words{std::string(TANGENT_BIN_DIR) + "/reproduce"};
    words.insert(words.end(), options.begin(), options.end());
    words.insert(words.end(), {"--out", out.string()});
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    process_ = fork();
    if (process_ != 0) return;
    const int file = open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
    dup2(file, STDOUT_FILENO);
    dup2(file, STDERR_FILENO);
    execv(arguments[0], arguments.data());
    _exit(127);
  }
  // Kills it after so many seconds, unless it has come to its end. Returns the status, as waitpid gives it.
  int end_after(double seconds) const {
    const auto start = std::chrono::steady_clock::now();
    int status = 0;
    while (seconds_since(start) < seconds) {
      if (waitpid(process_, &status, WNOHANG) == process_) return status;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    ::kill(process_, SIGKILL);
    waitpid(process_, &status, 0);
    return status;
  }

 private:
  pid_t process_;
};

std::int64_t occurrences(const std::string& text, const std::string& what) {
  std::int64_t count = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++count;
  return count;
}

// Kills runs with these options at random times until `kills_wanted` kills have met one, a checkpoint was left behind, a
// stage was skipped and all of `met` was said: when that is depends on the machine. Sees to it that each run ends like an undisturbed one.
void kill_at_random_times(const Options& options, int kills_wanted, const std::vector<std::string>& met,
                          engine::Random random) {
  constexpr int kMostTries = 400;  // a kill may come after the end
  const TemporaryDirectory folder;
  const fs::path out = folder.path() / "run";  // one for all, as a run may note its command
  const auto start = std::chrono::steady_clock::now();
  const ProcessResult whole = run_process(command(options, out));
  BOOST_REQUIRE_MESSAGE(whole.status == 0, whole.output);
  double seconds = seconds_since(start);
  const std::map<std::string, std::string> expected = contents(out);
  fs::remove_all(out);
  BOOST_TEST_MESSAGE("an undisturbed run takes " << seconds << " s; seed " << kSeed);

  const fs::path log = folder.path() / "log";
  std::string words;                        // of all killed and resumed runs
  std::map<std::string, int> half_written;  // what lay about after the kills, by the end of its name
  int kills = 0;
  const auto all_met = [&] {
    return half_written["checkpoint"] > 0 && occurrences(words, "already done") > 0 &&
           std::ranges::all_of(met, [&](const std::string& what) { return occurrences(words, what) > 0; });
  };
  for (int tries = 0; (kills < kills_wanted || !all_met()) && tries < kMostTries; ++tries) {
    const double delay = random.uniform(0.0, seconds);
    const bool fresh = !fs::exists(out);
    const auto begin = std::chrono::steady_clock::now();
    const int status = Running(options, out, log).end_after(delay);
    words += bytes_of_file(log);
    const bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    if (killed) {
      ++kills;
      if (fs::exists(out)) {
        for (const auto& entry : fs::recursive_directory_iterator(out)) {
          const std::string name = entry.path().filename().string();
          if (name.ends_with(engine::kUnfinished)) ++half_written["half-written"];
          if (name == "checkpoint.safetensors") ++half_written["checkpoint"];
        }
      }
    } else {
      BOOST_REQUIRE_MESSAGE(WIFEXITED(status) && WEXITSTATUS(status) == 0, bytes_of_file(log));
      if (fresh) seconds = seconds_since(begin);  // the machine is faster than it was
    }
    // Half of the killed runs are killed again on their way to the end.
    if (killed && random.chance(0.5)) continue;
    const std::string when = "kill " + std::to_string(kills) + ", after " + std::to_string(delay) + " s";
    const ProcessResult again = run_process(command(options, out));
    BOOST_REQUIRE_MESSAGE(again.status == 0, when << ": " << again.output);
    words += again.output;
    check_same(contents(out), expected, when);
    fs::remove_all(out);
  }
  BOOST_CHECK_GE(kills, kills_wanted);
  for (const std::string& what : met) BOOST_CHECK_MESSAGE(occurrences(words, what) > 0, "not met: " << what);
  BOOST_CHECK(all_met());
  BOOST_TEST_MESSAGE("half-written files " << half_written["half-written"] << ", checkpoints "
                                           << half_written["checkpoint"] << ", resumed "
                                           << occurrences(words, "going on after") << ", stages skipped "
                                           << occurrences(words, "already done"));
}

// The disk fills up (kind "full") in the midst of any one file, or the process ends there ("kill").
void trouble_with_any_one_file(const std::string& kind) {
  const TemporaryDirectory folder;
  const fs::path out = folder.path() / "run";
  const ProcessResult whole = run_process(command(kShort, out));
  BOOST_REQUIRE_MESSAGE(whole.status == 0, whole.output);
  const std::map<std::string, std::string> expected = contents(out);
  fs::remove_all(out);
  std::vector<std::string> files{"pretrain/checkpoint.safetensors", "finetune/linear/signs/checkpoint.safetensors"};
  for (const auto& [file, text] : expected) {
    if (!file.ends_with(".svg") || file.ends_with("/pretrain_1.svg")) files.push_back(file);  // one figure for all
  }
  for (const std::string& file : files) {
    const std::string when = kind + ", " + file;
    const ProcessResult troubled = run_process("env LD_PRELOAD=" TANGENT_TROUBLE " TROUBLE=" + kind +
                                               " TROUBLE_FILE=" + (out / file).string() + ". " + command(kShort, out));
    const std::map<std::string, std::string> left = contents(out);
    const auto half_written =
        std::ranges::count_if(left, [](const auto& each) { return each.first.ends_with(engine::kUnfinished); });
    if (kind == "full") {
      const std::string message = (out / file).string() + ": cannot be written: No space left on device";
      BOOST_CHECK_MESSAGE(troubled.status == 1 && troubled.output.find(message) != std::string::npos,
                          when << ": exit status 1 and '" << message << "' expected; got " << troubled.status
                               << " and:\n"
                               << troubled.output);
      BOOST_CHECK_MESSAGE(half_written == 0, when << ": a half-written file was left behind");
    } else {
      BOOST_CHECK_MESSAGE(troubled.status == 128 + SIGKILL, when << ": exit status " << troubled.status);
      BOOST_CHECK_MESSAGE(half_written == 1, when << ": " << half_written << " half-written files");
    }
    const auto finished = std::ranges::count_if(left, [](const auto& each) {  // stages; the whole is put together anew
      return each.first.ends_with("/results.json");
    });
    const ProcessResult again = run_process(command(kShort, out));
    BOOST_REQUIRE_MESSAGE(again.status == 0, when << ": " << again.output);
    BOOST_CHECK_MESSAGE(occurrences(again.output, "already done") == finished, when << ": " << finished
                                                                                    << " stages were done; got:\n"
                                                                                    << again.output);
    check_same(contents(out), expected, when);
    fs::remove_all(out);
  }
}

}  // namespace

// Fifty kills in all, at random times.
BOOST_AUTO_TEST_CASE(killed_runs_of_addition_end_with_the_same_bits) {
  kill_at_random_times(longer("single_task,task_addition"), 18,
                       {"pretrain: going on after step", "(linear): going on after step"}, {kSeed, 0});
}

BOOST_AUTO_TEST_CASE(killed_runs_of_further_experiments_end_with_the_same_bits) {
  kill_at_random_times(longer("disentanglement,random_init,kernel_regression"), 14, {"(standard): going on after step"},
                       {kSeed, 1});
}

BOOST_AUTO_TEST_CASE(killed_runs_with_a_control_end_with_the_same_bits) {
  kill_at_random_times(longer("task_negation,linearization_error,ntk_localization", "objects"), 9,
                       {"negation: already done"}, {kSeed, 2});
}

BOOST_AUTO_TEST_CASE(killed_runs_of_several_lengths_end_with_the_same_bits) {
  kill_at_random_times(longer("pretraining_length"), 9, {"disentanglement: already done"}, {kSeed, 3});
}

BOOST_AUTO_TEST_CASE(a_full_disk_loses_nothing_that_was_finished) { trouble_with_any_one_file("full"); }

BOOST_AUTO_TEST_CASE(an_end_in_the_midst_of_a_file_loses_nothing_that_was_finished) {
  trouble_with_any_one_file("kill");
}

BOOST_AUTO_TEST_SUITE_END()
