// Event-driven parsing: nlohmann's event parser keeps one bit per open bracket, where a tree would need the memory of
// the whole document before we could refuse it.
#include "nn/safetensors_header.hpp"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "engine/tensor/shape.hpp"

namespace nn {
namespace {

using Json = nlohmann::json;

constexpr int kMaxDepth = 64;  // of brackets below an unknown key

// Where in the header the next event belongs.
enum class Place { before, top, metadata, entry, shape, offsets, unknown, after };

class HeaderEvents final : public nlohmann::json_sax<Json> {
 public:
  explicit HeaderEvents(const std::filesystem::path& file) : file_(file) {}
  SafetensorsHeader take() { return std::move(header_); }

  bool null() override { return other_scalar(); }
  bool boolean(bool) override { return other_scalar(); }
  bool number_integer(number_integer_t) override { return other_scalar(); }  // the negative ones
  bool number_float(number_float_t, const string_t&) override { return other_scalar(); }
  bool binary(binary_t&) override { return other_scalar(); }

  bool number_unsigned(const number_unsigned_t value) override {
    if (place_ != Place::shape && place_ != Place::offsets) return other_scalar();
    std::vector<std::int64_t>& list = place_ == Place::shape ? entry_.shape : offsets_;
    const std::size_t most = place_ == Place::shape ? std::size_t{engine::kMaxRank} : 2;
    if (list.size() == most) {
      fail(field() + " has more than " + std::to_string(most) + " numbers; " +
           (place_ == Place::shape ? "write the tensor with fewer axes" : "the file is damaged"));
    }
    if (value > static_cast<number_unsigned_t>(std::numeric_limits<std::int64_t>::max())) {
      fail(field() + " holds " + std::to_string(value) + ", which does not fit 63 bits; the file is damaged");
    }
    list.push_back(static_cast<std::int64_t>(value));
    return true;
  }

  bool string(string_t& value) override {
    if (place_ == Place::metadata) {
      header_.metadata[key_] = std::move(value);
    } else if (place_ == Place::entry && key_ == "dtype") {
      entry_.dtype = std::move(value);
    } else {
      return other_scalar();
    }
    return true;
  }

  bool key(string_t& key) override {
    if (place_ == Place::unknown) return true;
    key_ = std::move(key);
    bool is_new = true;
    if (place_ == Place::top) {
      name_ = key_;
      is_new = key_ == kMetadataKey ? !std::exchange(has_metadata_, true) : !header_.entries.contains(key_);
    } else if (place_ == Place::metadata) {
      is_new = !header_.metadata.contains(key_);
    } else if (bool* const seen = seen_field(); seen != nullptr) {
      is_new = !std::exchange(*seen, true);
    }
    if (!is_new) {
      fail((place_ == Place::top ? "the key " : shown_name(name_) + ": the key ") + shown_name(key_) +
           " comes twice in the header; write the file anew with unique names");
    }
    return true;
  }

  bool start_object(std::size_t) override {
    if (place_ == Place::before) {
      place_ = Place::top;
    } else if (place_ == Place::top && key_ == kMetadataKey) {
      place_ = Place::metadata;
    } else if (place_ == Place::top) {
      place_ = Place::entry;
      entry_ = {};
      offsets_.clear();
      has_dtype_ = has_shape_ = has_offsets_ = false;
    } else {
      open_unknown();
    }
    return true;
  }

  bool end_object() override {
    if (place_ == Place::unknown) {
      close_unknown();
    } else if (place_ == Place::entry) {
      if (!has_dtype_ || !has_shape_ || !has_offsets_ || offsets_.size() != 2) {
        fail("tensor " + shown_name(name_) + " needs dtype, shape and two data_offsets; the file is damaged");
      }
      entry_.begin = offsets_[0];
      entry_.end = offsets_[1];
      header_.entries.emplace(name_, std::move(entry_));
      place_ = Place::top;
    } else {
      place_ = place_ == Place::top ? Place::after : Place::top;
    }
    return true;
  }

  bool start_array(std::size_t) override {
    if (place_ == Place::entry && key_ == "shape") {
      place_ = Place::shape;
    } else if (place_ == Place::entry && key_ == "data_offsets") {
      place_ = Place::offsets;
    } else {
      open_unknown();
    }
    return true;
  }

  bool end_array() override {
    if (place_ == Place::unknown) {
      close_unknown();
    } else {
      place_ = Place::entry;
    }
    return true;
  }

  bool parse_error(const std::size_t position, const std::string&, const Json::exception& error) override {
    const bool is_text = std::string_view(error.what()).find("UTF-8") == std::string_view::npos;
    fail(std::string("the header is not valid ") + (is_text ? "JSON" : "UTF-8") + " at byte " +
         std::to_string(sizeof(std::uint64_t) + std::max<std::size_t>(position, 1) - 1) +
         " of the file; the file is damaged or not safetensors");
  }

 private:
  [[noreturn]] void fail(const std::string& problem) const { throw safetensors_error(file_, problem + "."); }

  std::string field() const { return "tensor " + shown_name(name_) + ": " + key_; }

  // The mark of the field named by key_, or null for an unknown one.
  bool* seen_field() noexcept {
    if (key_ == "dtype") return &has_dtype_;
    if (key_ == "shape") return &has_shape_;
    return key_ == "data_offsets" ? &has_offsets_ : nullptr;
  }

  bool is_unknown_field() noexcept { return place_ == Place::entry && seen_field() == nullptr; }

  bool other_scalar() {
    if (place_ == Place::unknown || is_unknown_field()) return true;
    wrong_form();
  }

  void open_unknown() {
    if (place_ != Place::unknown && !is_unknown_field()) wrong_form();
    place_ = Place::unknown;
    if (++depth_ > kMaxDepth) {
      fail("tensor " + shown_name(name_) + ": the header nests deeper than " + std::to_string(kMaxDepth) +
           " brackets; the file is damaged or hostile");
    }
  }

  void close_unknown() noexcept {
    if (--depth_ == 0) place_ = Place::entry;
  }

  [[noreturn]] void wrong_form() const {
    switch (place_) {
      case Place::before:
      case Place::after:
        fail("the header must be one JSON object; the file is damaged or not safetensors");
      case Place::top:
        fail(shown_name(name_) + " must be a JSON object; the file is damaged or not safetensors");
      case Place::metadata:
        fail("metadata " + shown_name(key_) + " must be a string; write numbers and lists as text");
      default:
        fail(field() + " must be " + (key_ == "dtype" ? "a string" : "a list of whole numbers, none negative") +
             "; the file is damaged");
    }
  }

  const std::filesystem::path& file_;
  SafetensorsHeader header_;
  Place place_ = Place::before;
  int depth_ = 0;  // of brackets below an unknown key
  bool has_metadata_ = false;
  std::string name_;  // of the tensor being read
  std::string key_;   // the last one at the current place
  HeaderEntry entry_;
  std::vector<std::int64_t> offsets_;
  bool has_dtype_ = false;
  bool has_shape_ = false;
  bool has_offsets_ = false;
};

}  // namespace

std::runtime_error safetensors_error(const std::filesystem::path& file, const std::string_view problem) {
  return std::runtime_error("[safetensors] " + file.string() + ": " + std::string(problem));
}

std::string shown_name(const std::string_view name) {
  constexpr std::size_t kLongest = 120;
  std::string shown = "'";
  for (const char letter : name.substr(0, kLongest)) {
    const bool is_control = static_cast<unsigned char>(letter) < 0x20 || letter == 0x7F;
    shown += is_control ? '?' : letter;
  }
  if (name.size() > kLongest) shown += "...";
  return shown + "'";
}

SafetensorsHeader parse_safetensors_header(const std::string_view json, const std::filesystem::path& file) {
  // The parser would take a byte order mark for white space and a zero byte for the end of the text.
  const std::size_t first = json.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos || json[first] != '{') {
    throw safetensors_error(file, "the header must begin with '{'; the file is damaged or not safetensors.");
  }
  if (const std::size_t zero = json.find('\0'); zero != std::string_view::npos) {
    throw safetensors_error(file, "the header is not valid JSON at byte " +
                                      std::to_string(sizeof(std::uint64_t) + zero) +
                                      " of the file; the file is damaged or not safetensors.");
  }
  HeaderEvents events(file);
  Json::sax_parse(json, &events);
  return events.take();
}

}  // namespace nn
