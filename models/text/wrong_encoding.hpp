// Text that was written in UTF-8 and read as Latin-1 or Windows-1252: "cafÃ©" for "café". The commonest of the mistakes
// that ftfy.fix_encoding repairs; docs/clip_text.md tells which others there are.
#pragma once

#include <string>

namespace models {

// Reads a text again, as often as it helps, if all its bytes in one of the two encodings are UTF-8 and it looks wrong:
// no one would write such signs beside each other. Control characters U+0080 to U+009F that remain become what they are
// in Windows-1252.
std::u32string fix_encoding(std::u32string text);

}  // namespace models
