// All messages are also printed, with --log_level=message, for people who want to read them.
#include "tests/support/check_error.hpp"

#include <boost/test/unit_test.hpp>
#include <stdexcept>

namespace tests {

void check_error(const std::function<void()>& action, const std::string& beginning, const std::string& fragment) {
  constexpr std::size_t kLongest = 400;
  try {
    action();
  } catch (const std::runtime_error& error) {
    const std::string message = error.what();
    BOOST_TEST_MESSAGE(message);
    BOOST_CHECK_MESSAGE(message.starts_with(beginning) && message.find(fragment) != std::string::npos &&
                            message.find('\n') == std::string::npos && message.size() < beginning.size() + kLongest,
                        "required one line '" << beginning << "... " << fragment << "'; got '" << message << "'");
    return;
  }
  BOOST_ERROR("nothing was thrown where '" << beginning << "... " << fragment << "' was required");
}

}  // namespace tests
