// What progress says, and when it says nothing.
#include "experiments/common/progress.hpp"

#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>

#include "tests/support/temporary_directory.hpp"

using experiments::Progress;
using experiments::Waiting;

BOOST_AUTO_TEST_SUITE(progress)

namespace {

// What `body` writes to standard error.
std::string said(const std::function<void()>& body) {
  const tests::TemporaryDirectory directory;
  const std::filesystem::path file = directory.path() / "said";
  std::fflush(stderr);
  const int kept = dup(STDERR_FILENO);
  std::FILE* const written = std::fopen(file.c_str(), "w");
  dup2(fileno(written), STDERR_FILENO);
  body();
  std::fflush(stderr);
  dup2(kept, STDERR_FILENO);
  close(kept);
  std::fclose(written);
  return tests::bytes_of_file(file);
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_end_is_always_told) {
  const std::string text = said([] {
    Progress progress("reading", 10, 0, 1, "images");
    progress.update(3);  // at once: nothing is told yet
    progress.update(10);
  });
  BOOST_CHECK_MESSAGE(text.starts_with("reading 10/10  ") && text.find(" images/s") != std::string::npos, text);
}

BOOST_AUTO_TEST_CASE(what_takes_no_longer_than_a_moment_is_not_told) {
  BOOST_CHECK_EQUAL(said([] {
                      Progress progress("reading", 10, 0, 1, "images");
                      progress.show_after(1000.0);
                      progress.update(3);
                      progress.update(10);
                    }),
                    "");
}

BOOST_AUTO_TEST_CASE(what_cannot_tell_how_far_it_is_tells_how_long_it_lasts) {
  const std::string text = said([] {
    const Waiting waiting("listing", 0.0);
    while (std::ftell(stderr) == 0) std::this_thread::yield();
  });
  BOOST_CHECK_EQUAL(text, "listing  0 s\n");
  BOOST_CHECK_EQUAL(said([] { const Waiting waiting("listing", 1000.0); }), "");
}

BOOST_AUTO_TEST_SUITE_END()
