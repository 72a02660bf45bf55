// CLIP's vocabularies of three merges: the input as the one file of merges, then as each file of Hugging Face's two,
// beside a sound other one.
#include "models/vocabulary.hpp"

#include <string>

#include "engine/tensor/utf8.hpp"
#include "models/tokenizer.hpp"
#include "tests/fuzz/target.hpp"

namespace {

constexpr std::int64_t kIds = 517;
constexpr std::string_view kMerges = "#version: 0.2\na b\nab c</w>\nc d</w>\n";

std::string symbols() {
  std::u32string bytes;
  for (char32_t code = 33; code < 256; ++code) {
    if (code < 127 || (code > 160 && code != 173)) bytes += code;
  }
  for (char32_t code = 256; bytes.size() < 256; ++code) bytes += code;
  std::string json;
  int next = 0;
  const auto add = [&](const std::string& symbol) {
    const bool needs_escape = symbol[0] == '"' || symbol[0] == '\\';
    json += (json.empty() ? "{\"" : ",\"") + std::string(needs_escape ? "\\" : "") + symbol +
            "\":" + std::to_string(next++);
  };
  for (const std::string ending : {"", "</w>"}) {
    for (const char32_t code : bytes) add(engine::to_utf8(std::u32string(1, code)) + ending);
  }
  for (const char* const symbol : {"ab", "abc</w>", "cd</w>", "<|startoftext|>", "<|endoftext|>"}) add(symbol);
  return json + "}";
}

void load(const std::filesystem::path& where) {
  fuzz::attempt(where.string(), [&] {
    const models::Tokenizer tokenizer{models::Vocabulary(where, kIds)};
    for (const std::int64_t id : tokenizer.encode("abc cd dcba!")) {
      if (id < 0 || id >= kIds) fuzz::fail("an id that the vocabulary does not have");
    }
  });
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* const data, const std::size_t size) {
  static const fuzz::Folder folder;
  static const std::string sound = symbols();
  const fuzz::Bytes input(data, size);
  folder.write("plain.txt", input);
  load(folder.path() / "plain.txt");
  folder.write("merges/vocab.json", sound);
  folder.write("merges/merges.txt", input);
  load(folder.path() / "merges");
  folder.write("symbols/vocab.json", input);
  folder.write("symbols/merges.txt", kMerges);
  load(folder.path() / "symbols");
  return 0;
}
