// Texts: all that is UTF-8 has ids, and cleaning a clean text changes nothing that its ids show.
#include "models/tokenizer.hpp"

#include <stdexcept>
#include <string>
#include <vector>

#include "engine/tensor/utf8.hpp"
#include "tests/fuzz/target.hpp"

namespace {

models::Vocabulary vocabulary() {
  const fuzz::Folder folder;
  folder.write("merges.txt", "#version\nt h\nth e</w>\nl l</w>\n\xC3\x83 \xC2\xA9</w>\n");
  return models::Vocabulary(folder.path() / "merges.txt", 518);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* const data, const std::size_t size) {
  static const models::Tokenizer tokenizer(vocabulary());
  const std::vector<std::string> texts = {std::string(reinterpret_cast<const char*>(data), size)};
  const bool is_text = engine::invalid_utf8(texts[0]) == std::string::npos;
  try {
    for (const std::int64_t id : tokenizer.encode(texts[0])) {
      if (id < 0 || id > 517) fuzz::fail("an id that the vocabulary does not have");
    }
    const engine::Tensor row = tokenizer.tokenize(texts);
    if (!is_text || row.numel() != 77 || row.data<std::int64_t>()[0] != 516) fuzz::fail("a false row");
  } catch (const std::invalid_argument& error) {
    if (is_text) fuzz::fail(error.what());
  }
  return 0;
}
