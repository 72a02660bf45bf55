// The JSON files that tell of a model, read with messages that name the file, the key, what it is and what was expected.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace models {

// A JSON object of a file. A key that is missing or null has the value its caller gives. All throw std::runtime_error.
class Section {
 public:
  using Json = nlohmann::json;
  Section(Json json, std::filesystem::path file, std::string place);  // `place` within the file; empty: the whole

  bool has(const std::string& key) const { return json_.contains(key) && !json_.at(key).is_null(); }
  const Json& value(const std::string& key) const { return json_.at(key); }  // of what has(key)
  std::optional<Section> section(const std::string& key) const;              // nullopt if missing
  std::optional<Section> section_or_none(const std::string& key) const;      // also of what is no object
  std::int64_t integer(const std::string& key, std::int64_t missing) const;
  double number(const std::string& key, double missing) const;
  std::array<float, 3> three_numbers(const std::string& key, const std::array<float, 3>& missing) const;
  bool boolean(const std::string& key, bool missing) const;
  std::string text(const std::string& key, const std::string& missing) const;
  // An option whose every other value makes another network.
  void demand(const std::string& key, const Json& expected, const std::string& why) const;

  [[noreturn]] void fail(const std::string& key, const std::string& problem) const;

 private:
  std::string path_of(const std::string& key) const;

  Json json_;
  std::filesystem::path file_;
  std::string place_;
};

Section read_config(const std::filesystem::path& file);

}  // namespace models
