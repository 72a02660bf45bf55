// Makes the run that other suites use, before them.
#include "tests/experiments/finished_run.hpp"

#include <filesystem>

BOOST_AUTO_TEST_SUITE(finished_run_suite)

BOOST_AUTO_TEST_CASE(the_run_that_others_use_is_made_anew) {
  if (std::getenv("TANGENT_FINISHED_RUN") != nullptr) {
    std::filesystem::remove_all(tests::finished_run());
    tests::make_finished_run(tests::finished_run());
  }
  BOOST_CHECK(std::filesystem::exists(tests::finished_run() + "/results.json"));
}

BOOST_AUTO_TEST_SUITE_END()
