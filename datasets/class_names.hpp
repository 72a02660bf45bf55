// The names of a set's classes: from classes.txt, one a line, if the set's folder holds it, else the set's own.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace datasets {

// Throws std::runtime_error naming the file and line if it names no class or one is empty.
std::vector<std::string> read_class_names(const std::filesystem::path& file);

// folder / classes.txt. Throws as read_class_names.
std::optional<std::vector<std::string>> listed_class_names(const std::filesystem::path& folder);

// listed_class_names or, without them, `own`. Throws std::runtime_error also if the two differ in number.
std::vector<std::string> class_names_or(const std::filesystem::path& folder, std::vector<std::string> own);

}  // namespace datasets
