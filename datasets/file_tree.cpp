#include "datasets/file_tree.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <set>
#include <stdexcept>
#include <system_error>

#include "engine/tensor/byte_source.hpp"

namespace datasets {
namespace {

constexpr std::uint64_t kMostTextBytes = 1ull << 28;  // ImageNet's lists have 50 MB
constexpr std::int64_t kMostLines = 1 << 22;          // and 1.3 million lines
constexpr std::size_t kMostLineBytes = 4096;          // the longest path of Linux
constexpr std::array<std::string_view, 9> kEndings = {".jpg", ".jpeg", ".png",  ".ppm", ".bmp",
                                                      ".pgm", ".tif",  ".tiff", ".webp"};

[[noreturn]] void fail(const std::filesystem::path& file, const std::string& problem) {
  throw std::runtime_error("[files] " + file.string() + ": " + problem);
}

bool is_picture(const std::filesystem::path& file) {
  std::string ending = file.extension().string();
  std::ranges::transform(ending, ending.begin(),
                         [](const char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); });
  return std::ranges::find(kEndings, ending) != kEndings.end();
}

std::vector<std::filesystem::directory_entry> sorted_entries(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::directory_iterator entries(folder, error);
  std::vector<std::filesystem::directory_entry> sorted;
  for (; !error && entries != std::filesystem::directory_iterator(); entries.increment(error)) {
    if (!entries->path().filename().string().starts_with('.')) sorted.push_back(*entries);
  }
  if (error) fail(folder, "cannot be listed: " + error.message() + "; check the path and its permissions.");
  std::ranges::sort(sorted, {}, [](const auto& entry) { return entry.path().filename().string(); });
  return sorted;
}

bool is_folder(const std::filesystem::directory_entry& entry, std::error_code& error) {
  const bool result = entry.is_directory(error);
  if (error == std::errc::no_such_file_or_directory) error.clear();  // a file that will be missed when it is read
  return result;
}

bool is_folder(const std::filesystem::directory_entry& entry) {
  std::error_code error;
  const bool result = is_folder(entry, error);
  if (error) fail(entry.path(), "cannot be followed: " + error.message() + "; remove it.");
  return result;
}

void collect_folders(const std::filesystem::path& folder, std::set<std::filesystem::path>& seen,
                     std::vector<std::filesystem::path>& folders) {
  if (!seen.insert(std::filesystem::canonical(folder)).second) {
    fail(folder, "is reached twice through symbolic links; remove the link.");
  }
  folders.push_back(folder);
  for (const auto& entry : sorted_entries(folder)) {
    if (is_folder(entry)) collect_folders(entry.path(), seen, folders);
  }
}

}  // namespace

std::vector<std::string> folder_names(const std::filesystem::path& folder, std::vector<std::string>* unfollowed) {
  std::vector<std::string> names;
  for (const auto& entry : sorted_entries(folder)) {
    std::error_code error;
    const bool is = unfollowed != nullptr ? is_folder(entry, error) : is_folder(entry);
    if (error) unfollowed->push_back(entry.path().filename().string());
    if (is) names.push_back(entry.path().filename().string());
  }
  return names;
}

std::vector<std::filesystem::path> picture_files(const std::filesystem::path& folder) {
  std::error_code error;
  if (!std::filesystem::is_directory(folder, error)) fail(folder, "is not a folder; check the path.");
  std::set<std::filesystem::path> seen;
  std::vector<std::filesystem::path> folders;
  collect_folders(folder, seen, folders);
  std::ranges::sort(folders, {}, [](const std::filesystem::path& path) { return path.string(); });
  std::vector<std::filesystem::path> files;
  for (const std::filesystem::path& each : folders) {
    for (const auto& entry : sorted_entries(each)) {
      if (is_picture(entry.path()) && !is_folder(entry)) files.push_back(entry.path());
    }
  }
  return files;
}

std::vector<std::string> read_lines(const std::filesystem::path& file) {
  const std::vector<std::uint8_t> bytes = engine::ByteSource(file, "files").read_all(kMostTextBytes);
  std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  const std::ptrdiff_t count = std::ranges::count(text, '\n') + 1;
  if (count > kMostLines) fail(file, "has over " + std::to_string(kMostLines) + " lines; it is of another kind.");
  std::vector<std::string> lines;
  lines.reserve(static_cast<std::size_t>(count));
  while (!text.empty()) {
    const std::size_t length = std::min(text.find('\n'), text.size());
    if (length > kMostLineBytes) {
      fail(file, "line " + std::to_string(lines.size() + 1) + " is longer than " + std::to_string(kMostLineBytes) +
                     " bytes; it is damaged or of another kind.");
    }
    std::string_view line = text.substr(0, length);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.emplace_back(line);
    text.remove_prefix(std::min(length + 1, text.size()));
  }
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

std::filesystem::path path_inside(const std::filesystem::path& folder, const std::string_view name,
                                  const std::filesystem::path& list, const std::size_t line) {
  const auto refuse = [&](const std::string& problem) { fail(list, "line " + std::to_string(line) + " " + problem); };
  if (name.empty()) refuse("names no file; remove it.");
  if (std::ranges::any_of(name, [](const char c) { return static_cast<unsigned char>(c) < ' '; })) {
    refuse("holds a control character; it is damaged or of another kind.");
  }
  const std::filesystem::path relative(name);
  const std::filesystem::path path = folder / relative;
  const std::string leaves = "names '" + std::string(name) + "', which leaves " + folder.string() + "; remove it.";
  if (relative.is_absolute() || std::ranges::find(relative, "..") != relative.end()) refuse(leaves);
  std::error_code error;
  const std::filesystem::path root = std::filesystem::canonical(folder, error);
  if (error) fail(folder, "cannot be read: " + error.message() + "; check the path.");
  const std::filesystem::path real = std::filesystem::weakly_canonical(path, error);
  if (error) refuse("names '" + std::string(name) + "', which cannot be followed: " + error.message() + ".");
  if (std::ranges::mismatch(root, real).in1 != root.end()) refuse(leaves);
  return path;
}

std::filesystem::path first_existing(const std::filesystem::path& folder,
                                     const std::vector<std::filesystem::path>& candidates) {
  std::error_code error;
  for (const std::filesystem::path& candidate : candidates) {
    if (std::filesystem::exists(folder / candidate, error)) return folder / candidate;
  }
  return {};
}

}  // namespace datasets
