#include "models/config_section.hpp"

#include <cmath>
#include <stdexcept>
#include <utility>
#include <vector>

#include "engine/tensor/byte_source.hpp"

namespace models {
namespace {

using Json = nlohmann::json;

std::string shown(const Json& value) {
  const std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
  return text.size() > 60 ? text.substr(0, 57) + "..." : text;
}

}  // namespace

Section::Section(Json json, std::filesystem::path file, std::string place)
    : json_(std::move(json)), file_(std::move(file)), place_(std::move(place)) {
  if (!json_.is_object()) fail("", "must be a JSON object; got " + shown(json_));
}

std::optional<Section> Section::section(const std::string& key) const {
  if (!has(key)) return std::nullopt;
  return Section(json_.at(key), file_, path_of(key));
}

std::optional<Section> Section::section_or_none(const std::string& key) const {
  return has(key) && json_.at(key).is_object() ? section(key) : std::nullopt;
}

std::int64_t Section::integer(const std::string& key, std::int64_t missing) const {
  if (!has(key)) return missing;
  const Json& value = json_.at(key);
  if (!value.is_number_integer()) fail(key, "must be a whole number; got " + shown(value));
  return value.get<std::int64_t>();
}

double Section::number(const std::string& key, double missing) const {
  if (!has(key)) return missing;
  const Json& value = json_.at(key);
  if (!value.is_number()) fail(key, "must be a number; got " + shown(value));
  return value.get<double>();
}

std::array<float, 3> Section::three_numbers(const std::string& key, const std::array<float, 3>& missing) const {
  if (!has(key)) return missing;
  const Json& value = json_.at(key);
  std::array<float, 3> numbers{};
  if (!value.is_array() || value.size() != numbers.size()) fail(key, "must be three numbers; got " + shown(value));
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (value[i].is_number()) numbers[i] = value[i].get<float>();
    if (!value[i].is_number() || !std::isfinite(numbers[i])) fail(key, "must be three numbers; got " + shown(value));
  }
  return numbers;
}

bool Section::boolean(const std::string& key, bool missing) const {
  if (!has(key)) return missing;
  const Json& value = json_.at(key);
  if (!value.is_boolean()) fail(key, "must be true or false; got " + shown(value));
  return value.get<bool>();
}

std::string Section::text(const std::string& key, const std::string& missing) const {
  if (!has(key)) return missing;
  const Json& value = json_.at(key);
  if (!value.is_string()) fail(key, "must be a text; got " + shown(value));
  return value.get<std::string>();
}

void Section::demand(const std::string& key, const Json& expected, const std::string& why) const {
  if (has(key) && json_.at(key) != expected)
    fail(key, "is " + shown(json_.at(key)) + "; expected " + shown(expected) + " (" + why + ")");
}

void Section::fail(const std::string& key, const std::string& problem) const {
  throw std::runtime_error("[clip] " + file_.string() + ": " + path_of(key) + " " + problem + ".");
}

std::string Section::path_of(const std::string& key) const {
  if (key.empty()) return place_.empty() ? "the file" : place_;
  return place_.empty() ? key : place_ + "." + key;
}

Section read_config(const std::filesystem::path& file) {
  constexpr std::uint64_t kMostBytes = 1 << 20;  // real ones have a few thousand
  const std::vector<std::uint8_t> text = engine::ByteSource(file, "clip").read_all(kMostBytes);
  // What nests deeper than any config is passed over: copying and printing go by recursion.
  const Json json = Json::parse(
      text, [](int depth, Json::parse_event_t, Json&) { return depth < 16; }, false);
  if (json.is_discarded()) throw std::runtime_error("[clip] " + file.string() + ": is not valid JSON; fetch it again.");
  return {json, file, ""};
}

}  // namespace models
