#include "models/vocabulary.hpp"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "engine/tensor/byte_source.hpp"
#include "engine/tensor/hash.hpp"
#include "engine/tensor/utf8.hpp"

namespace models {
namespace {

using Json = nlohmann::json;
using Path = std::filesystem::path;
using Ids = std::unordered_map<std::string, std::int32_t>;

constexpr std::int64_t kBytes = 256;
constexpr std::int64_t kOwnSymbols = 2 * kBytes + 2;  // all but the merges
constexpr std::int64_t kMergesOfClip = 49408 - kOwnSymbols;
constexpr std::uint64_t kMostBytes = 1 << 26;  // the published files have 3 MB
constexpr std::int64_t kMostIds = std::int64_t{1} << 30;
constexpr std::string_view kEndOfWord = "</w>";
constexpr std::string_view kStart = "<|startoftext|>";
constexpr std::string_view kEnd = "<|endoftext|>";

std::runtime_error vocabulary_error(const Path& file, const std::string& problem) {
  return std::runtime_error("[vocabulary] " + file.string() + ": " + problem);
}

std::runtime_error line_error(const Path& file, const std::size_t line, const std::string& problem) {
  return vocabulary_error(file, "line " + std::to_string(line) + " " + problem);
}

std::string read_text(const Path& file) {
  const std::vector<std::uint8_t> bytes = engine::ByteSource(file, "vocabulary").read_all(kMostBytes);
  return {bytes.begin(), bytes.end()};
}

// The 256 bytes as the files write them: those that print as themselves, in order, then the others as U+0100, ...
struct WrittenByte {
  unsigned char byte;
  std::string symbol;
};

std::vector<WrittenByte> written_bytes() {
  const auto prints = [](const int byte) { return (byte >= 33 && byte <= 126) || (byte >= 161 && byte != 173); };
  std::vector<WrittenByte> all;
  char32_t next = 0x100;
  for (const bool printing : {true, false}) {
    for (int byte = 0; byte < kBytes; ++byte) {
      if (prints(byte) != printing) continue;
      std::string symbol;
      engine::append_utf8(symbol, printing ? static_cast<char32_t>(byte) : next++);
      all.push_back({static_cast<unsigned char>(byte), std::move(symbol)});
    }
  }
  return all;
}

struct MergeLine {
  std::size_t line;  // in the file, from 1
  std::string left;
  std::string right;
};

// `most` merges. CLIP's own file has more than its models: those that follow the original leaves out as well.
std::vector<MergeLine> read_merges(const Path& file, const std::int64_t most) {
  const std::string text = read_text(file);
  std::vector<MergeLine> merges;
  std::size_t begin = 0;
  const auto is_wanted = [&](std::size_t number) {
    return number == 1 || static_cast<std::int64_t>(merges.size()) < most;  // the header is no merge
  };
  for (std::size_t number = 1; begin < text.size() && is_wanted(number); ++number) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    std::string_view line = std::string_view(text).substr(begin, end - begin);
    begin = end + 1;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (engine::invalid_utf8(line) != std::string_view::npos) {
      throw line_error(file, number, "is not UTF-8: " + engine::shown(line) + "; fetch the file again.");
    }
    if (number == 1) {
      if (line.find("#version") != std::string_view::npos) continue;
      throw line_error(
          file, number,
          "must hold '#version' and be no merge; arrived " + engine::shown(line) + "; it is not a file of merges.");
    }
    const std::size_t space = line.find(' ');
    const bool two = space != std::string_view::npos && space > 0 && space + 1 < line.size() &&
                     line.find(' ', space + 1) == std::string_view::npos;
    if (!two)
      throw line_error(file, number,
                       "must hold two symbols with a space between; arrived " + engine::shown(line) + ".");
    merges.push_back({number, std::string(line.substr(0, space)), std::string(line.substr(space + 1))});
  }
  if (static_cast<std::int64_t>(merges.size()) < most) {
    throw vocabulary_error(file, "holds " + std::to_string(merges.size()) + " merges; a vocabulary of " +
                                     std::to_string(most + kOwnSymbols) + " ids needs " + std::to_string(most) +
                                     "; it is cut short or belongs to another model.");
  }
  if (most != kMergesOfClip && text.find_first_not_of("\r\n ", begin) != std::string::npos) {
    throw vocabulary_error(file, "holds more than the " + std::to_string(most) + " merges of a vocabulary of " +
                                     std::to_string(most + kOwnSymbols) + " ids; it belongs to another model.");
  }
  return merges;
}

// {"symbol": id, ...} and nothing else; event by event, so that nothing is kept that cannot be used.
class SymbolEvents final : public nlohmann::json_sax<Json> {
 public:
  SymbolEvents(const Path& file, const std::int64_t size) : file_(file), size_(size) {}
  Ids take() { return std::move(ids_); }

  bool null() override { wrong_form(); }
  bool boolean(bool) override { wrong_form(); }
  bool number_integer(number_integer_t) override { wrong_form(); }  // the negative ones
  bool number_float(number_float_t, const string_t&) override { wrong_form(); }
  bool string(string_t&) override { wrong_form(); }
  bool binary(binary_t&) override { wrong_form(); }
  bool start_array(std::size_t) override { wrong_form(); }
  bool end_array() override { wrong_form(); }
  bool start_object(std::size_t) override {
    if (std::exchange(open_, true)) wrong_form();
    return true;
  }
  bool end_object() override { return true; }
  bool key(string_t& key) override {
    symbol_ = std::move(key);
    return true;
  }
  bool number_unsigned(const number_unsigned_t id) override {
    if (!open_) wrong_form();
    if (id >= static_cast<number_unsigned_t>(size_)) {
      throw vocabulary_error(file_, "gives " + engine::shown(symbol_) + " the id " + std::to_string(id) +
                                        "; the model has ids below " + std::to_string(size_) +
                                        "; it belongs to another model.");
    }
    if (!ids_.emplace(symbol_, static_cast<std::int32_t>(id)).second) {
      throw vocabulary_error(file_, "holds the symbol " + engine::shown(symbol_) + " twice; fetch it again.");
    }
    if (!used_.insert(static_cast<std::int32_t>(id)).second) {
      throw vocabulary_error(file_, "gives " + engine::shown(symbol_) + " the id " + std::to_string(id) +
                                        ", which another symbol has; fetch it again.");
    }
    return true;
  }
  bool parse_error(const std::size_t position, const std::string&, const Json::exception&) override {
    throw vocabulary_error(file_, "is not valid JSON at byte " +
                                      std::to_string(std::max<std::size_t>(position, 1) - 1) + "; fetch it again.");
  }

 private:
  [[noreturn]] void wrong_form() const {
    throw vocabulary_error(file_, "must be one JSON object of symbols and their ids, {\"a\": 64, ...}" +
                                      (symbol_.empty() ? std::string() : "; " + engine::shown(symbol_) + " has no id") +
                                      ".");
  }

  const Path& file_;
  std::int64_t size_;
  Ids ids_;
  std::unordered_set<std::int32_t> used_;
  std::string symbol_;
  bool open_ = false;
};

Ids read_symbols(const Path& file, const std::int64_t size) {
  const std::string text = read_text(file);
  if (text.find('\0') != std::string::npos) throw vocabulary_error(file, "holds a zero byte; it is not JSON.");
  SymbolEvents events(file, size);
  Json::sax_parse(text, &events);
  Ids ids = events.take();
  if (static_cast<std::int64_t>(ids.size()) != size) {
    throw vocabulary_error(file, "holds " + std::to_string(ids.size()) + " symbols; the model has " +
                                     std::to_string(size) + " ids; it belongs to another model.");
  }
  return ids;
}

// The ids that the first kind of file leaves unsaid.
Ids numbered_symbols(const std::vector<MergeLine>& merges) {
  Ids ids;
  std::int32_t next = 0;
  for (const std::string_view ending : {std::string_view(), kEndOfWord}) {
    for (const WrittenByte& written : written_bytes()) ids.emplace(written.symbol + std::string(ending), next++);
  }
  for (const MergeLine& merge : merges) ids.emplace(merge.left + merge.right, next++);
  ids.emplace(kStart, next++);
  ids.emplace(kEnd, next++);
  return ids;
}

struct Files {
  Path symbols;  // empty for the first kind
  Path merges;
};

Files find_files(const Path& where) {
  std::error_code error;
  if (!std::filesystem::is_directory(where, error)) return {{}, where};
  const auto has = [&](const char* const name) { return std::filesystem::exists(where / name, error); };
  if (has("vocab.json") && has("merges.txt")) return {where / "vocab.json", where / "merges.txt"};
  for (const char* const name : {"bpe_simple_vocab_16e6.txt.gz", "bpe_simple_vocab_16e6.txt"}) {
    if (has(name)) return {{}, where / name};
  }
  throw vocabulary_error(where,
                         "holds neither vocab.json and merges.txt nor bpe_simple_vocab_16e6.txt.gz; put one of them "
                         "there, or say where it is (--vocabulary).");
}

std::uint64_t pair_key(const std::int32_t left, const std::int32_t right) noexcept {
  return std::uint64_t{static_cast<std::uint32_t>(left)} << 32 | static_cast<std::uint32_t>(right);
}

}  // namespace

Vocabulary::Vocabulary(const Path& where, const std::int64_t size) : size_(size) {
  if (size < kOwnSymbols || size > kMostIds) {
    throw std::invalid_argument("[vocabulary] a vocabulary has " + std::to_string(kOwnSymbols) + " to " +
                                std::to_string(kMostIds) + " ids; arrived " + std::to_string(size) + ".");
  }
  const Files files = find_files(where);
  const std::vector<MergeLine> merges = read_merges(files.merges, size - kOwnSymbols);
  const Ids ids = files.symbols.empty() ? numbered_symbols(merges) : read_symbols(files.symbols, size);

  engine::Hash hash;
  const auto id_of = [&](const std::string& symbol) {
    const auto found = ids.find(symbol);
    if (found == ids.end()) {
      throw vocabulary_error(
          files.symbols, "lacks the symbol " + engine::shown(symbol) + "; it belongs to another model or is damaged.");
    }
    hash.add(static_cast<std::uint64_t>(found->second));
    return found->second;
  };

  std::unordered_set<std::string> made;
  for (const std::size_t is_last : {0u, 1u}) {
    for (const WrittenByte& written : written_bytes()) {
      const std::string symbol = written.symbol + std::string(is_last == 1 ? kEndOfWord : "");
      bytes_[is_last][written.byte] = id_of(symbol);
      made.insert(symbol);
    }
  }
  start_ = id_of(std::string(kStart));
  end_ = id_of(std::string(kEnd));
  if (end_ != size - 1) {
    throw vocabulary_error(files.symbols, "gives " + std::string(kEnd) + " the id " + std::to_string(end_) +
                                              "; the text tower takes the largest, " + std::to_string(size - 1) +
                                              ", for the end.");
  }
  // With parts that are older than the whole, and one way only to make a symbol, merging the lowest rank first, wherever
  // it is, equals merging all of one rank at a time.
  for (const MergeLine& merge : merges) {
    for (const std::string& part : {merge.left, merge.right}) {
      if (!made.contains(part)) {
        throw line_error(files.merges, merge.line,
                         "joins " + engine::shown(part) + ", which is no byte and which no line before it makes.");
      }
    }
    const std::string whole = merge.left + merge.right;
    if (!made.insert(whole).second || whole == kStart || whole == kEnd) {
      throw line_error(files.merges, merge.line, "makes " + engine::shown(whole) + ", which is there already.");
    }
    const std::int32_t rank = static_cast<std::int32_t>(merges_.size());
    const std::int32_t left = id_of(merge.left);
    const std::int32_t right = id_of(merge.right);
    merges_.emplace(pair_key(left, right), Merge{rank, id_of(whole)});
  }
  identity_ = hash.hex();
}

const Vocabulary::Merge* Vocabulary::merge_of(const std::int32_t left, const std::int32_t right) const {
  const auto found = merges_.find(pair_key(left, right));
  return found == merges_.end() ? nullptr : &found->second;
}

}  // namespace models
