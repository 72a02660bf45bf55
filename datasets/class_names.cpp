#include "datasets/class_names.hpp"

#include <stdexcept>
#include <utility>

#include "datasets/file_tree.hpp"

namespace datasets {
namespace {

constexpr const char* kFile = "classes.txt";

std::runtime_error classes_error(const std::filesystem::path& file, const std::string& problem) {
  return std::runtime_error("[classes] " + file.string() + ": " + problem);
}

}  // namespace

std::vector<std::string> read_class_names(const std::filesystem::path& file) {
  std::vector<std::string> names = read_lines(file);
  if (names.empty()) throw classes_error(file, "names no class; give one name per line, or remove the file.");
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!names[i].empty()) continue;
    throw classes_error(file, "line " + std::to_string(i + 1) + " is empty; give one name per line.");
  }
  return names;
}

std::optional<std::vector<std::string>> listed_class_names(const std::filesystem::path& folder) {
  std::error_code error;
  if (!std::filesystem::exists(folder / kFile, error)) return std::nullopt;
  return read_class_names(folder / kFile);
}

std::vector<std::string> class_names_or(const std::filesystem::path& folder, std::vector<std::string> own) {
  std::optional<std::vector<std::string>> listed = listed_class_names(folder);
  if (!listed) return own;
  if (listed->size() != own.size()) {
    throw classes_error(folder / kFile, "names " + std::to_string(listed->size()) + " classes, but the set has " +
                                            std::to_string(own.size()) + "; complete the list or remove the file.");
  }
  return *std::move(listed);
}

}  // namespace datasets
