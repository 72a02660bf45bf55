// Text as the original tokenizer cleans it before it looks at words.      [github.com/openai/CLIP, simple_tokenizer.py]
#pragma once

#include <string>
#include <string_view>

namespace models {

// What ftfy.fix_text does [Speer 2019, ftfy 6.3]: HTML references, C1 controls, ligatures, half and full width, curly
// quotes, line ends, terminal escapes, control characters and NFC, over and over until nothing changes. Of its guesses at
// wrongly decoded text it makes the commonest: a line that, written in Latin-1 or Windows-1252, is UTF-8
// (docs/clip_text.md tells what else ftfy guesses).
std::u32string repair(std::u32string_view text);

// repair; HTML references twice; runs of white space as one space, none at the ends; lower case.
std::u32string clean(std::u32string_view text);

}  // namespace models
