#include "experiments/common/command_line.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <limits>
#include <span>
#include <string_view>
#include <system_error>
#include <type_traits>

#include "experiments/common/text_table.hpp"
#include "nn/nearest_name.hpp"

namespace experiments {
namespace {

template <class T>
constexpr bool is_vector = false;
template <class T>
constexpr bool is_vector<std::vector<T>> = true;
template <class T>
constexpr bool is_optional = false;
template <class T>
constexpr bool is_optional<std::optional<T>> = true;

// CLI11 takes -1, and whatever is too large, for the largest unsigned number.
std::string refuse_unsigned(const std::string& text) {
  if (text.starts_with('-')) return "Value " + text + " is negative";
  std::uint64_t value = 0;
  const bool fits = std::from_chars(text.data(), text.data() + text.size(), value).ec != std::errc::result_out_of_range;
  return fits ? "" : "Value " + text + " is above " + std::to_string(std::numeric_limits<std::uint64_t>::max());
}

// Of the first line that begins with it; 0 if none does.
int line_of(const std::string& key, const std::string& path) {
  std::ifstream file(path);
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    const std::size_t begin = line.find_first_not_of(" \t\"'");
    if (begin == std::string::npos || line.compare(begin, key.size(), key) != 0) continue;
    const std::size_t end = begin + key.size();
    if (end == line.size() || std::string(" \t\"'=:\r").find(line[end]) != std::string::npos) return number;
  }
  return 0;
}

// What CLI11 would misread in silence: it takes the last letter of a list for its bracket, one of two values, and a # within
// quotes for the beginning of a comment. Empty if it reads the value as it is meant.
std::string misreading(const std::string& value) {
  constexpr const char* kCommentInQuotes =
      "has a # within quotes, which is read as a comment; say it on the command line";
  const auto is_over = [&](std::size_t from) {  // nothing but a comment follows
    const std::size_t next = value.find_first_not_of(" \t\r", from);
    return next == std::string::npos || value[next] == '#';
  };
  const char first = value.front();
  if (first == '"' || first == '\'') {
    const std::size_t closing = value.find(first, 1);
    if (closing == std::string::npos) return "has no closing quote";
    if (value.find('#') < closing) return kCommentInQuotes;
    return is_over(closing + 1) ? "" : "is more than one value; make a list in [ ]";
  }
  const std::string plain = value.substr(0, value.find('#'));
  const std::size_t end = first == '[' ? plain.find(']') : plain.find_first_of(", \t\r");
  if (first == '[' && end == std::string::npos) {
    return plain.size() < value.size() && value.find(']') != std::string::npos
               ? kCommentInQuotes
               : "does not end with ]; a list stands on one line";
  }
  if (first == '[') return is_over(end + 1) ? "" : "goes on behind its ]";
  return end == std::string::npos || is_over(end) ? "" : "is more than one value; quote it, or make a list in [ ]";
}

// The first line of a configuration file that is misread; empty if none is, and without a file.
std::string malformed_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    const std::size_t key = line.find_first_not_of(" \t\r");
    const std::size_t equals = line.find('=');
    if (key == std::string::npos || line[key] == '#' || line[key] == ';' || equals == std::string::npos) continue;
    const std::size_t begin = line.find_first_not_of(" \t\r", equals + 1);
    if (begin == std::string::npos || line[begin] == '#') continue;  // nothing is given, which CLI11 tells
    const std::string value = line.substr(begin, line.find_last_not_of(" \t\r") + 1 - begin);
    if (const std::string wrong = misreading(value); !wrong.empty())
      return path + ", line " + std::to_string(number) + ": '" + value + "' " + wrong;
  }
  return "";
}

std::vector<std::string> option_names(const CLI::App& app) {  // without dashes
  std::vector<std::string> names;
  for (const CLI::Option* const option : app.get_options())
    names.insert(names.end(), option->get_lnames().begin(), option->get_lnames().end());
  return names;
}

// CLI11 takes options of the program before the name of a command as well, where nobody reads them.
void refuse_options_before_command(const CLI::App& app) {
  if (app.get_require_subcommand_min() > 0 || app.get_subcommands().empty()) return;
  const std::string command = app.get_subcommands().front()->get_name();
  for (const CLI::Option* const option : app.get_options()) {
    if (option->count() > 0)
      throw CLI::ValidationError(option->get_name(), "stands before '" + command + "', which has options of its own");
  }
}

}  // namespace

std::string range_text(double low, double high, bool is_whole) {
  if (is_whole) return "whole numbers from " + written(low) + " to " + written(high);
  return (low == kAboveZero ? "numbers above 0 up to " : "numbers from " + written(low) + " to ") + written(high);
}

Option& Option::required() {
  option_->required();
  return *this;
}

Option& Option::among(const std::vector<std::string>& values) {
  option_->check(CLI::IsMember(values));
  return *this;
}

Option& Option::excludes(const Option& other) {
  option_->excludes(other.option_);
  return *this;
}

Option& Option::needs(const Option& other) {
  option_->needs(other.option_);
  return *this;
}

template <class T>
Option& Option::between(T low, T high, const std::string& what) {
  const auto least = static_cast<double>(low);
  const auto most = static_cast<double>(high);
  const auto refuse = [=](const std::string& text) {
    T value{};
    const bool fits = CLI::detail::lexical_cast(text, value) && value >= low && value <= high;  // nan is not
    return fits ? "" : "takes " + range_text(least, most, std::is_integral_v<T>) + "; arrived " + text;
  };
  option_->check(refuse, what.empty() ? written(least) + " to " + written(most) : what);
  return *this;
}

Option& Option::at_least_one() { return between(std::int64_t{1}, kLargestCount, "at least 1"); }
template Option& Option::between(int, int, const std::string&);
template Option& Option::between(std::int64_t, std::int64_t, const std::string&);
template Option& Option::between(double, double, const std::string&);

Option& Option::group(const std::string& heading) {
  option_->group(heading);
  return *this;
}

CommandLine::CommandLine(const std::string& description) : app_(std::make_shared<CLI::App>(description)) {}
CommandLine::CommandLine(std::shared_ptr<CLI::App> app) : app_(std::move(app)) {}
CommandLine::CommandLine(CommandLine&&) noexcept = default;
CommandLine::~CommandLine() = default;

template <class T>
Option CommandLine::option(const std::string& name, T& value, const std::string& help) {
  CLI::Option* const option = app_->add_option(name, value, help);
  if constexpr (is_vector<T>) {
    option->delimiter(',');
    if constexpr (std::is_unsigned_v<typename T::value_type>) option->check(refuse_unsigned);
    if (!value.empty()) option->capture_default_str();
  } else {
    option->take_last();
    if constexpr (std::is_unsigned_v<T> || std::is_same_v<T, std::optional<std::uint64_t>>)
      option->check(refuse_unsigned);
    if constexpr (!is_optional<T>) option->capture_default_str();
  }
  return Option(option);
}
template Option CommandLine::option(const std::string&, std::string&, const std::string&);
template Option CommandLine::option(const std::string&, std::filesystem::path&, const std::string&);
template Option CommandLine::option(const std::string&, int&, const std::string&);
template Option CommandLine::option(const std::string&, std::int64_t&, const std::string&);
template Option CommandLine::option(const std::string&, std::uint64_t&, const std::string&);
template Option CommandLine::option(const std::string&, double&, const std::string&);
template Option CommandLine::option(const std::string&, std::optional<std::int64_t>&, const std::string&);
template Option CommandLine::option(const std::string&, std::optional<std::uint64_t>&, const std::string&);
template Option CommandLine::option(const std::string&, std::optional<double>&, const std::string&);
template Option CommandLine::option(const std::string&, std::vector<std::string>&, const std::string&);
template Option CommandLine::option(const std::string&, std::vector<int>&, const std::string&);
template Option CommandLine::option(const std::string&, std::vector<std::uint64_t>&, const std::string&);
template Option CommandLine::option(const std::string&, std::vector<double>&, const std::string&);

Option CommandLine::flag(const std::string& name, bool& value, const std::string& help) {
  return Option(app_->add_flag(name, value, help));
}

void CommandLine::action(const std::string& name, const std::function<void()>& when_given, const std::string& help) {
  app_->add_flag_callback(name, when_given, help);
}

Option CommandLine::action(const std::string& name, const std::function<void(const std::string&)>& when_given,
                           const std::string& help) {
  const auto forward = [name, when_given](const std::string& value) {
    try {
      when_given(value);
    } catch (const std::exception& error) {
      throw CLI::ValidationError(name, error.what());
    }
  };
  return Option(app_->add_option_function<std::string>(name, forward, help)->take_last());
}

void CommandLine::config_file(const std::string& name, const std::string& help) {
  app_->set_config(name, "", help);
  app_->allow_config_extras(CLI::config_extras_mode::error);
}

CommandLine CommandLine::command(const std::string& name, const std::string& help) {
  app_->require_subcommand(1);
  CLI::App* const command = app_->add_subcommand(name, help);
  return CommandLine(std::shared_ptr<CLI::App>(app_, command));  // lives as long as the whole line
}

CommandLine CommandLine::optional_command(const std::string& name, const std::string& help) {
  CommandLine added = command(name, help);
  app_->require_subcommand(0, 1);
  return added;
}

void CommandLine::elsewhere(const std::string& name, const std::string& why) { elsewhere_[name] = why; }

// The program's command that was given, or the program itself.
const CLI::App& CommandLine::chosen() const {
  const std::vector<CLI::App*> commands = app_->get_subcommands();
  return commands.empty() ? *app_ : *commands.front();
}

std::string CommandLine::given_config() const {
  const CLI::Option* const option = app_->get_config_ptr();
  return option == nullptr || option->empty() ? "" : option->results().back();
}

std::string CommandLine::about_unknown(const std::string& name) const {
  const auto known = elsewhere_.find(name);
  if (known != elsewhere_.end()) return "--" + name + " is no option here: " + known->second;
  return "no option '" + name + "'" + nn::nearest_hint(name, option_names(chosen()));
}

std::string CommandLine::about_config(const std::string& error) const {
  const std::string file = given_config();
  if (file.empty()) return error;
  if (const std::string malformed = malformed_line(file); !malformed.empty()) return malformed;
  const std::vector<std::string> known = option_names(*app_);
  for (const CLI::ConfigItem& item : app_->get_config_formatter()->from_file(file)) {
    const std::string key = item.fullname();
    if (item.name == "++" || item.name == "--" || std::ranges::find(known, key) != known.end()) continue;  // sections
    const int line = line_of(item.name, file);
    return file + (line > 0 ? ", line " + std::to_string(line) : "") + ": " + about_unknown(key);
  }
  return file + ": " + error;
}

std::string CommandLine::about_arguments(const std::string& error) const {
  for (const std::string& argument : chosen().remaining()) {
    if (argument.starts_with("--") && argument != "--")
      return about_unknown(argument.substr(2, argument.find('=') - 2));
  }
  return error;
}

std::string CommandLine::about_value(const std::string& error, std::span<char* const> arguments) const {
  const std::string file = given_config();
  if (file.empty() || !error.starts_with("--")) return error;
  const std::string option = error.substr(0, error.find(':'));
  const int line = line_of(option.substr(2), file);
  const bool is_told_later = std::ranges::any_of(arguments, [&](const std::string_view argument) {
    return argument == option || argument.starts_with(option + "=");
  });
  return line > 0 && !is_told_later ? file + ", line " + std::to_string(line) + ": " + error : error;
}

bool CommandLine::is_chosen() const { return app_->parsed(); }
bool CommandLine::is_given(const std::string& option) const { return app_->count(option) > 0; }

std::optional<int> CommandLine::parse(int argc, char** argv) {
  constexpr int kMisused = 2;
  const auto misused = [&](const std::string& mistake) {
    std::fprintf(stderr, "%s: %s\nRun with --help for more information.\n",
                 std::filesystem::path(argv[0]).filename().c_str(), mistake.c_str());
    return kMisused;
  };
  try {
    app_->parse(argc, argv);
    refuse_options_before_command(*app_);
    const std::string malformed = malformed_line(given_config());
    return malformed.empty() ? std::nullopt : std::optional(misused(malformed));
  } catch (const CLI::ConfigError& error) {
    return misused(about_config(error.what()));
  } catch (const CLI::ExtrasError& error) {
    return misused(about_arguments(error.what()));
  } catch (const CLI::RequiredError& error) {  // an option whose name is misspelt is missing
    return misused(about_arguments(error.what()));
  } catch (const CLI::Success& help) {
    return app_->exit(help);
  } catch (const CLI::ParseError& error) {
    return misused(about_value(error.what(), std::span(argv, static_cast<std::size_t>(argc))));
  }
}

}  // namespace experiments
