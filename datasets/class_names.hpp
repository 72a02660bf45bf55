// The names of a set's classes: from classes.txt, one a line, if the set's folder holds it, else the set's own.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace datasets {

bool is_plain_text(std::string_view name);  // UTF-8 without control characters, as results and terminals need it

// Throws std::runtime_error naming the file and line if it names no class, or one is empty or no plain text.
std::vector<std::string> read_class_names(const std::filesystem::path& file);

// folder / classes.txt. Throws as read_class_names.
std::optional<std::vector<std::string>> listed_class_names(const std::filesystem::path& folder);

// listed_class_names or, without them, `own`. Throws std::runtime_error also if the two differ in number, or if one of `own` is
// no plain text.
std::vector<std::string> class_names_or(const std::filesystem::path& folder, std::vector<std::string> own);

}  // namespace datasets
