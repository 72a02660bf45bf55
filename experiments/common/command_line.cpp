#include "experiments/common/command_line.hpp"

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <type_traits>

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

// Nan lies in every CLI::Range, being neither below nor above it.
std::string refuse_nan(const std::string& text) {
  return std::isnan(std::strtod(text.c_str(), nullptr)) ? "Value " + text + " is not a number" : "";
}

// CLI11 takes -1 for the largest unsigned number.
std::string refuse_minus(const std::string& text) {
  return text.starts_with('-') ? "Value " + text + " is negative" : "";
}

}  // namespace

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

template <class T>
Option& Option::between(T low, T high, const std::string& what) {
  if constexpr (std::is_floating_point_v<T>) option_->check(refuse_nan);
  option_->check(what.empty() ? CLI::Range(low, high) : CLI::Range(low, high, what));
  return *this;
}

Option& Option::at_least_one() { return between(std::int64_t{1}, std::int64_t{1} << 40, "at least 1"); }
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
    if (!value.empty()) option->capture_default_str();
  } else {
    option->take_last();
    if constexpr (std::is_unsigned_v<T>) option->check(refuse_minus);
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
template Option CommandLine::option(const std::string&, std::optional<double>&, const std::string&);
template Option CommandLine::option(const std::string&, std::vector<std::string>&, const std::string&);
template Option CommandLine::option(const std::string&, std::vector<int>&, const std::string&);

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

bool CommandLine::is_chosen() const { return app_->parsed(); }

std::optional<int> CommandLine::parse(int argc, char** argv) {
  constexpr int kMisused = 2;
  try {
    app_->parse(argc, argv);
    return std::nullopt;
  } catch (const CLI::ParseError& error) {
    return app_->exit(error) == 0 ? 0 : kMisused;
  }
}

}  // namespace experiments
