#include "datasets/class_names.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "datasets/file_tree.hpp"
#include "engine/tensor/utf8.hpp"

namespace datasets {
namespace {

constexpr const char* kFile = "classes.txt";

std::runtime_error classes_error(const std::filesystem::path& file, const std::string& problem) {
  return std::runtime_error("[classes] " + file.string() + ": " + problem);
}

}  // namespace

bool is_plain_text(const std::string_view name) {
  const auto is_control = [](const char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; };
  return engine::invalid_utf8(name) == std::string_view::npos && std::ranges::none_of(name, is_control);
}

std::vector<std::string> read_class_names(const std::filesystem::path& file) {
  std::vector<std::string> names = read_lines(file);
  if (names.empty()) throw classes_error(file, "names no class; give one name per line, or remove the file.");
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string line = "line " + std::to_string(i + 1);
    if (names[i].empty()) throw classes_error(file, line + " is empty; give one name per line.");
    if (!is_plain_text(names[i])) {
      throw classes_error(file, line + " is not UTF-8 or holds a control character: " + engine::shown(names[i]) + ".");
    }
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
  if (!listed) {
    for (const std::string& name : own) {
      if (!is_plain_text(name)) {
        throw classes_error(
            folder, "the class " + engine::shown(name) +
                        " is not UTF-8 or holds a control character; rename it, or name all classes in " + kFile + ".");
      }
    }
    return own;
  }
  if (listed->size() != own.size()) {
    throw classes_error(folder / kFile, "names " + std::to_string(listed->size()) + " classes, but the set has " +
                                            std::to_string(own.size()) + "; complete the list or remove the file.");
  }
  return *std::move(listed);
}

}  // namespace datasets
