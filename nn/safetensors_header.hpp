// The JSON header of a safetensors file: {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [begin, end]}, ...}
// and an optional "__metadata__" of strings [github.com/huggingface/safetensors, README, "Format"]. Only
// nn/safetensors*.cpp includes this. A header may come from anywhere: the parser never recurses and keeps nothing it
// cannot use.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace nn {

inline constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;  // the reference reader's limit
inline constexpr std::string_view kMetadataKey = "__metadata__";

struct HeaderEntry {
  std::string dtype;
  std::vector<std::int64_t> shape;  // at most engine::kMaxRank extents, none negative
  std::int64_t begin = 0;           // in bytes, from the first byte after the header
  std::int64_t end = 0;
};

struct SafetensorsHeader {
  std::map<std::string, HeaderEntry> entries;
  std::map<std::string, std::string> metadata;
};

// "[safetensors] file: problem"
std::runtime_error safetensors_error(const std::filesystem::path& file, std::string_view problem);

// A tensor's name as messages show it: in quotes, on one line, cut when very long.
std::string shown_name(std::string_view name);

// Throws safetensors_error if `json` is not UTF-8, not JSON or not of the form above, or if a key comes twice. Unknown
// keys of an entry are passed over, as the reference reader does. Whether the offsets make sense is for the caller to
// check.
SafetensorsHeader parse_safetensors_header(std::string_view json, const std::filesystem::path& file);

}  // namespace nn
