// One small run of `reproduce` for all tests that need pre-trained and fine-tuned weights.
#pragma once

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <string>

#include "tests/experiments/process.hpp"
#include "tests/support/temporary_directory.hpp"

namespace tests {

inline const std::string kFinishedTasks = " --preset smoke --tasks digits,signs ";

inline void make_finished_run(const std::string& out) {
  const ProcessResult run =
      run_process("{bin}/reproduce" + kFinishedTasks + "--control objects --experiments all --out " + out);
  BOOST_REQUIRE_MESSAGE(run.status == 0, run.output);
}

// Its folder, not to be written into: every experiment on digits and signs, and objects as the control, of the smoke preset.
// ctest has it made once for all suites (finished_run_test.cpp) and names it in TANGENT_FINISHED_RUN; else it is made when
// first asked for.
inline const std::string& finished_run() {
  static const TemporaryDirectory folder;
  static const std::string path = [] {
    if (const char* const made = std::getenv("TANGENT_FINISHED_RUN")) return std::string(made);
    make_finished_run(folder.path().string());
    return folder.path().string();
  }();
  return path;
}

inline std::string weights_of_finished_run() {
  const std::string& run = finished_run();
  return "--pretrained " + run + "/pretrain/pretrained.safetensors --finetuned " + run + "/finetune ";
}

// A program on the task vectors of that run.
inline std::string on_finished_run(const std::string& program, const std::string& out,
                                   const std::string& tasks = "digits,signs") {
  return "{bin}/" + program + " --preset smoke --tasks " + tasks + " " + weights_of_finished_run() + "--out " + out +
         " ";
}

inline void check_says(const ProcessResult& result, const std::string& part) {
  BOOST_CHECK_MESSAGE(result.output.find(part) != std::string::npos, "'" << part << "' missing in:\n" << result.output);
}

}  // namespace tests
