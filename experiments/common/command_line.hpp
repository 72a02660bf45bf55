// The command line of a program: CLI11 behind a door of our own, since its headers take ten times as long to compile as
// a program of ours does.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace experiments {

// Of images, steps, ...: what is more is a slip, and takes memory or days before anybody notices.
inline constexpr std::int64_t kLargestCount = 10'000'000;
inline constexpr double kAboveZero = 1e-12;  // the least of a range that does not have 0

// "whole numbers from 1 to 8", "numbers above 0 up to 1000".
std::string range_text(double low, double high, bool is_whole);

// An option that was just added, to say more about it.
class Option {
 public:
  explicit Option(CLI::Option* option) : option_(option) {}
  Option& required();
  Option& among(const std::vector<std::string>& values);
  // T: int, std::int64_t or double. `what` stands in the help for the two numbers.
  template <class T>
  Option& between(T low, T high, const std::string& what = {});
  Option& at_least_one();                     // a count, of std::int64_t, up to kLargestCount
  Option& excludes(const Option& other);      // giving both is a mistake
  Option& needs(const Option& other);         // giving this one alone is a mistake
  Option& group(const std::string& heading);  // of the help

 private:
  CLI::Option* option_;
};

class CommandLine {
 public:
  explicit CommandLine(const std::string& description);
  CommandLine(CommandLine&&) noexcept;
  ~CommandLine();

  // `name` with dashes, or without for what is given by its place. `value` is the default; the help shows it. T:
  // std::string, std::filesystem::path, int, std::int64_t, std::uint64_t, double, an std::optional of the last four, or
  // an std::vector, whose elements are given one by one or with commas. Of a repeated option the last one counts.
  template <class T>
  Option option(const std::string& name, T& value, const std::string& help);
  Option flag(const std::string& name, bool& value, const std::string& help);
  void action(const std::string& name, const std::function<void()>& when_given, const std::string& help);
  // An option whose value is handed on. What `when_given` throws becomes the message of a misused command line.
  Option action(const std::string& name, const std::function<void(const std::string&)>& when_given,
                const std::string& help);
  // An option of other programs that one might look for here, and what to be told then.
  void elsewhere(const std::string& name, const std::string& why);
  void config_file(const std::string& name, const std::string& help);  // TOML; unknown keys are errors

  // With one of them, a program must be called with one of them. They read like `datasets show`.
  CommandLine command(const std::string& name, const std::string& help);
  // Beside what the program does without one. It has options of its own: those of the program are a mistake before it.
  CommandLine optional_command(const std::string& name, const std::string& help);
  bool is_chosen() const;                          // that command was given
  bool is_given(const std::string& option) const;  // on the command line or in the configuration file, after parse()

  // Sets the values. Returns the status to exit with, if that is all: after --help, or after telling of a mistake.
  std::optional<int> parse(int argc, char** argv);

 private:
  explicit CommandLine(std::shared_ptr<CLI::App> app);
  const CLI::App& chosen() const;
  std::string given_config() const;                             // the configuration file, or nothing
  std::string about_unknown(const std::string& name) const;     // an option that is none of these
  std::string about_config(const std::string& error) const;     // where CLI11 speaks of an INI and names no file
  std::string about_arguments(const std::string& error) const;  // that nobody expected
  // A value that is refused, with its place if it is the configuration file's.
  std::string about_value(const std::string& error, std::span<char* const> arguments) const;
  std::shared_ptr<CLI::App> app_;
  std::map<std::string, std::string> elsewhere_;
};

}  // namespace experiments
