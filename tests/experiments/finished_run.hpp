// One small run of `reproduce` for all tests that need pre-trained and fine-tuned weights.
#pragma once

#include <boost/test/unit_test.hpp>
#include <string>

#include "tests/experiments/process.hpp"
#include "tests/support/temporary_directory.hpp"

namespace tests {

// Its folder: digits and signs, and objects as the control, of the smoke preset. Made when first asked for.
inline const std::string& finished_run() {
  static const TemporaryDirectory folder;
  static const std::string path = [] {
    const std::string out = folder.path().string();
    const ProcessResult run =
        run_process("{bin}/reproduce --preset smoke --tasks digits,signs --control objects --out " + out);
    BOOST_REQUIRE_MESSAGE(run.status == 0, run.output);
    return out;
  }();
  return path;
}

// A program on the task vectors of that run.
inline std::string on_finished_run(const std::string& program, const std::string& out,
                                   const std::string& tasks = "digits,signs") {
  const std::string& run = finished_run();
  return "{bin}/" + program + " --preset smoke --tasks " + tasks + " --pretrained " + run +
         "/pretrain/pretrained.safetensors --finetuned " + run + "/finetune --out " + out + " ";
}

inline void check_says(const ProcessResult& result, const std::string& part) {
  BOOST_CHECK_MESSAGE(result.output.find(part) != std::string::npos, "'" << part << "' missing in:\n" << result.output);
}

}  // namespace tests
