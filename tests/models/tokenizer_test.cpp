// Ids against those of CLIP's original code (tests/golden/README.md), and vocabularies that do not fit.
#include "models/tokenizer.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/tensor/byte_source.hpp"
#include "engine/tensor/utf8.hpp"
#include "models/text/unicode.hpp"
#include "tests/support/check_error.hpp"
#include "tests/support/temporary_directory.hpp"

BOOST_AUTO_TEST_SUITE(tokenizer)

namespace {

using models::Tokenizer;
using models::TokenizerOptions;
using models::Vocabulary;
using tests::check_error;
using tests::TemporaryDirectory;

using Ids = std::vector<std::int64_t>;
using Json = nlohmann::json;
using Path = std::filesystem::path;

const Path kGolden = TANGENT_GOLDEN_DIR;

std::string unpacked(const Path& file) {
  const std::vector<std::uint8_t> bytes = engine::ByteSource(file, "test").read_all(1 << 24);
  return {bytes.begin(), bytes.end()};
}

struct Reference {
  std::vector<std::string> texts;
  std::vector<Ids> ids;
  Ids ranks;  // of the small vocabulary's merges in the whole one
  std::int64_t size() const { return 514 + static_cast<std::int64_t>(ranks.size()); }
};

const Reference& reference() {
  static const Reference all = [] {
    const Json json = Json::parse(unpacked(kGolden / "tokenizer.json.gz"));
    return Reference{json.at("texts"), json.at("ids"), json.at("ranks")};
  }();
  return all;
}

// As open_clip, whose code made the references.
TokenizerOptions open_clip() { return {.start_text = "<start_of_text>", .end_text = "<end_of_text>"}; }

const Tokenizer& small() {
  static const Tokenizer tokenizer(Vocabulary(kGolden / "tokenizer_vocabulary.txt.gz", reference().size()),
                                   open_clip());
  return tokenizer;
}

std::string listed(const Ids& ids) {
  std::string text;
  for (const std::int64_t id : ids) text += std::to_string(id) + " ";
  return text;
}

void check_ids(const Tokenizer& tokenizer, const std::vector<Ids>& expected) {
  const std::vector<std::string>& texts = reference().texts;
  BOOST_REQUIRE_GE(texts.size(), 2000u);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const Ids ids = tokenizer.encode(texts[i]);
    if (ids != expected[i]) {
      BOOST_ERROR(engine::shown(texts[i]) + ": " + listed(ids) + "instead of " + listed(expected[i]));
    }
  }
}

// A vocabulary of three merges, 517 ids, in the form of Hugging Face.
constexpr std::string_view kMerges = "#version: 0.2\na b\nab c</w>\nc d</w>\n";
constexpr std::int64_t kFewIds = 517;

Json few_symbols() {
  Json symbols;
  std::int64_t next = 0;
  for (const std::string ending : {"", "</w>"}) {
    std::vector<char32_t> codes;
    for (char32_t code = 33; code < 256; ++code) {
      if (code < 127 || (code > 160 && code != 173)) codes.push_back(code);
    }
    for (char32_t code = 256; codes.size() < 256; ++code) codes.push_back(code);
    for (const char32_t code : codes) symbols[engine::to_utf8(std::u32string(1, code)) + ending] = next++;
  }
  for (const char* const symbol : {"ab", "abc</w>", "cd</w>", "<|startoftext|>", "<|endoftext|>"})
    symbols[symbol] = next++;
  return symbols;
}

void check_refused(const std::string& symbols, const std::string& merges, const std::string& file,
                   const std::string& fragment) {
  const TemporaryDirectory directory;
  directory.file("vocab.json", symbols);
  directory.file("merges.txt", merges);
  check_error([&] { Vocabulary(directory.path(), kFewIds); },
              "[vocabulary] " + (directory.path() / file).string() + ": ", fragment);
}

}  // namespace

BOOST_AUTO_TEST_CASE(ids_are_those_of_the_original_code) { check_ids(small(), reference().ids); }

// With TANGENT_CLIP_VOCABULARY naming bpe_simple_vocab_16e6.txt.gz or a folder with vocab.json and merges.txt, or the
// first in ../shared.
BOOST_AUTO_TEST_CASE(ids_with_the_whole_vocabulary_are_those_of_the_original_code) {
  const char* const named = std::getenv("TANGENT_CLIP_VOCABULARY");
  const Path file = named != nullptr ? Path(named) : Path(TANGENT_SHARED_DATA) / "../bpe_simple_vocab_16e6.txt.gz";
  if (named == nullptr && !std::filesystem::exists(file)) {
    BOOST_TEST_MESSAGE("left out: TANGENT_CLIP_VOCABULARY names no vocabulary, and there is no " + file.string());
    return;
  }
  std::vector<Ids> expected = reference().ids;
  const std::int64_t small_end = reference().size() - 1;
  for (Ids& ids : expected) {
    for (std::int64_t& id : ids) {
      if (id >= small_end - 1) {
        id += 49407 - small_end;
      } else if (id >= 512) {
        id = 512 + reference().ranks[static_cast<std::size_t>(id - 512)];
      }
    }
  }
  const Tokenizer whole(Vocabulary(file), open_clip());
  check_ids(whole, expected);
  const Tokenizer openai{Vocabulary(file)};
  BOOST_CHECK(openai.encode("<|startoftext|>hello world! <|ENDOFTEXT|>") == (Ids{49406, 3306, 1002, 256, 49407}));
}

BOOST_AUTO_TEST_CASE(both_kinds_of_files_give_the_same_ids) {
  const std::string merges = unpacked(kGolden / "tokenizer_vocabulary.txt.gz");
  Json symbols = few_symbols();
  for (const char* const symbol : {"ab", "abc</w>", "cd</w>"}) symbols.erase(symbol);
  std::int64_t next = 512;
  for (std::size_t begin = merges.find('\n') + 1; begin < merges.size();) {
    const std::size_t end = std::min(merges.find('\n', begin), merges.size());
    std::string symbol = merges.substr(begin, end - begin);
    symbols[symbol.erase(symbol.find(' '), 1)] = next++;
    begin = end + 1;
  }
  symbols["<|startoftext|>"] = next++;
  symbols["<|endoftext|>"] = next++;
  const TemporaryDirectory directory;
  directory.file("vocab.json", symbols.dump());
  directory.file("merges.txt", merges + "\r\n");
  const Tokenizer other(Vocabulary(directory.path(), reference().size()), open_clip());
  for (std::size_t i = 0; i < 200; ++i) BOOST_CHECK(other.encode(reference().texts[i]) == reference().ids[i]);
  BOOST_CHECK_EQUAL(other.identity(), small().identity());
}

BOOST_AUTO_TEST_CASE(rows_have_start_and_end_and_are_cut_before_the_end) {
  const std::vector<std::string> texts = {"", "a cat", reference().texts[4]};
  const engine::Tensor rows = small().tokenize(texts);
  BOOST_CHECK(rows.shape() == engine::Shape({3, 77}));
  const std::int64_t start = reference().size() - 2;
  const std::int64_t* const row = rows.data<std::int64_t>();
  BOOST_CHECK(row[0] == start && row[1] == start + 1 &&
              std::all_of(row + 2, row + 77, [](auto id) { return id == 0; }));
  const Tokenizer openai(small().vocabulary());
  BOOST_CHECK(openai.encode("<|startoftext|><|EndOfText|> ") == (Ids{start, start + 1}));
  const Ids cat = small().encode("a cat");
  BOOST_CHECK(std::equal(cat.begin(), cat.end(), row + 78) && row[78 + cat.size()] == start + 1);

  std::string text;
  for (int i = 0; i < 75; ++i) text += "1";
  TokenizerOptions options = open_clip();
  options.too_long = models::TooLong::refuse;
  const Tokenizer strict(small().vocabulary(), options);
  const std::vector<std::string> fits = {text};
  const std::vector<std::string> too_long = {text + "2"};
  const engine::Tensor cut = small().tokenize(too_long);
  BOOST_CHECK_EQUAL(strict.tokenize(fits).data<std::int64_t>()[76], start + 1);
  BOOST_CHECK(
      std::equal(cut.data<std::int64_t>(), cut.data<std::int64_t>() + 77, strict.tokenize(fits).data<std::int64_t>()));
  BOOST_CHECK_EXCEPTION(strict.tokenize(too_long), std::invalid_argument, [](const auto& error) {
    return std::string(error.what()).find("a text takes 78 tokens; the context has 77: '1111") != std::string::npos;
  });
}

BOOST_AUTO_TEST_CASE(text_that_is_not_utf8_is_refused) {
  for (const std::string bad :
       {"caf\xE9", "\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE2\x82", "\x80", "\xF8"}) {
    BOOST_CHECK_EXCEPTION(small().encode("ab" + bad), std::invalid_argument, [&](const auto& error) {
      const std::string place = bad == "caf\xE9" ? "5" : "2";
      return std::string(error.what()).starts_with("[tokenizer] the text is not UTF-8 at byte " + place + ": 'ab");
    });
  }
}

// Joining the lowest pair first, wherever it is, is what the original does for all places of one pair at a time.
BOOST_AUTO_TEST_CASE(long_words_take_no_longer_than_their_length_asks) {
  const std::string word(20'000, 'a');
  BOOST_CHECK_GT(small().encode(word).size(), 1000u);
}

BOOST_AUTO_TEST_CASE(marks_are_put_in_order_and_joined) {
  BOOST_CHECK(models::nfc(U"q\u0307\u0323") == U"q\u0323\u0307");
  BOOST_CHECK(models::nfc(U"\u1112\u1161\u11AB\u212B") == U"\uD55C\u00C5");
  BOOST_CHECK(models::nfc(U"\u0958") == U"\u0915\u093C");  // never joined again
  BOOST_CHECK(models::lower_case(U"ΑΣ ΑΣΑ Σ İ") == U"ας ασα σ i\u0307");
}

BOOST_AUTO_TEST_CASE(vocabulary_that_does_not_fit_is_refused) {
  const Json sound = few_symbols();
  const std::string merges(kMerges);
  const TemporaryDirectory directory;
  directory.file("vocab.json", sound.dump());
  directory.file("merges.txt", merges);
  BOOST_CHECK(Tokenizer(Vocabulary(directory.path(), kFewIds)).encode("abc b cd") == (Ids{513, 321, 514}));

  check_refused(sound.dump(), "a b\n", "merges.txt", "line 1 must hold '#version' and be no merge; arrived 'a b'");
  check_refused(sound.dump(), "#version\na b\nab c</w>\n", "merges.txt",
                "holds 2 merges; a vocabulary of 517 ids needs 3; it is cut short");
  check_refused(sound.dump(), merges + "e f\n", "merges.txt",
                "holds more than the 3 merges of a vocabulary of 517 ids; it belongs to another model");
  const Path longer = directory.file("longer.txt", merges + "e f\n");
  check_error([&] { Vocabulary(longer, kFewIds); }, "[vocabulary] " + longer.string() + ": ", "holds more than the 3");
  check_refused(sound.dump(), "#version\na b\nabc</w>\nc d</w>", "merges.txt",
                "line 3 must hold two symbols with a space between; arrived 'abc</w>'");
  check_refused(sound.dump(), "#version\na b\nab c d\nc d</w>", "merges.txt", "line 3 must hold two symbols");
  check_refused(sound.dump(), "#version\nab c</w>\na b\nc d</w>", "merges.txt",
                "line 2 joins 'ab', which is no byte and which no line before it makes");
  check_refused(sound.dump(), "#version\na b\na b\nc d</w>", "merges.txt", "line 3 makes 'ab', which is there already");
  check_refused(sound.dump(), "#version\na b\n\xFF b\nc d</w>", "merges.txt", "line 3 is not UTF-8: '? b'");
  check_refused(sound.dump(), "", "merges.txt", "is empty");
  check_refused(sound.dump(), "#version\na b\nab c</w>\nc e</w>", "vocab.json", "lacks the symbol 'ce</w>'");

  const auto changed = [&](const std::string& symbol, const Json& id) {
    Json other = sound;
    other[symbol] = id;
    return other.dump();
  };
  check_refused(changed("ab", 517), merges, "vocab.json", "gives 'ab' the id 517; the model has ids below 517");
  check_refused(changed("ab", 3), merges, "vocab.json", "the id 3, which another symbol has");
  check_refused(changed("ab", -1), merges, "vocab.json",
                "must be one JSON object of symbols and their ids, {\"a\": 64, ...}; 'ab' has no id");
  check_refused(changed("ab", Json{{"x", 1}}), merges, "vocab.json", "must be one JSON object");
  check_refused("[1]", merges, "vocab.json", "must be one JSON object");
  check_refused("7", merges, "vocab.json", "must be one JSON object");
  check_refused("{}", merges, "vocab.json", "holds 0 symbols; the model has 517 ids");
  check_refused("{\"a\": 1, \"a\": 2}", merges, "vocab.json", "holds the symbol 'a' twice");
  check_refused("{\"a\": 1", merges, "vocab.json", "is not valid JSON at byte 7");
  Json swapped = sound;
  swapped["<|startoftext|>"] = 516;
  swapped["<|endoftext|>"] = 515;
  check_refused(swapped.dump(), merges, "vocab.json", "the text tower takes the largest, 516, for the end");
  Json renamed = sound;
  renamed.erase("<|endoftext|>");
  renamed["</s>"] = 516;
  check_refused(renamed.dump(), merges, "vocab.json", "lacks the symbol '<|endoftext|>'");

  const TemporaryDirectory empty;
  check_error([&] { Vocabulary(empty.path(), kFewIds); }, "[vocabulary] " + empty.path().string() + ": ",
              "holds neither vocab.json and merges.txt nor bpe_simple_vocab_16e6.txt.gz");
  check_error([&] { Vocabulary(empty.path() / "x.gz", kFewIds); }, "[vocabulary] " + (empty.path() / "x.gz").string(),
              "does not exist");
  check_error([&] { Vocabulary(kGolden / "tokenizer_vocabulary.txt.gz"); }, "[vocabulary] ",
              "needs 48894; it is cut short");
  BOOST_CHECK_THROW(Vocabulary(directory.path(), 513), std::invalid_argument);
}

BOOST_AUTO_TEST_SUITE_END()
