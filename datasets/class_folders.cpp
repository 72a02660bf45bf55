#include "datasets/class_folders.hpp"

#include <algorithm>
#include <charconv>
#include <stdexcept>
#include <utility>

#include "datasets/class_names.hpp"
#include "datasets/file_tree.hpp"

namespace datasets {
namespace {

constexpr int kLastTrainDrawer = 15;
constexpr int kLastDrawer = 20;

std::runtime_error folders_error(const std::filesystem::path& folder, const std::string& problem) {
  return std::runtime_error("[class_folders] " + folder.string() + ": " + problem);
}

bool holds_folders(const std::filesystem::path& folder) {
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code ignored;
    if (entry->is_directory(ignored) && !entry->path().filename().string().starts_with('.')) return true;
  }
  return false;
}

std::vector<std::string> class_paths(const std::filesystem::path& folder, const int depth) {
  std::vector<std::string> paths;
  for (const std::string& name : folder_names(folder)) {
    if (depth == 1) {
      paths.push_back(name);
      continue;
    }
    for (const std::string& below : class_paths(folder / name, depth - 1)) paths.push_back(name + "/" + below);
  }
  return paths;
}

std::filesystem::path part_folder(const std::filesystem::path& folder, const Split split) {
  const std::filesystem::path train = folder / "train";
  if (split == Split::train) return train;
  if (split == Split::validation) {
    if (has_validation_folder(folder)) return folder / "val";
    throw std::invalid_argument("[class_folders] " + folder.string() +
                                ": has no validation set of its own; take it from train.");
  }
  const std::filesystem::path test = test_folder(folder);
  if (test.empty()) {
    throw folders_error(folder,
                        "holds none of test, val_in_folder and val with a folder per class; add the test pictures.");
  }
  return test;
}

// Labels count the classes of the training set, whichever classes the other part holds.
std::vector<LabelledFile> relabelled(ClassFolders part, const std::vector<std::string>& names,
                                     const std::filesystem::path& folder) {
  std::vector<std::int64_t> label_of;
  for (const std::string& name : part.names) {
    const auto place = std::ranges::find(names, name);
    if (place == names.end()) throw folders_error(folder / name, "is a class that train/ does not have; remove it.");
    label_of.push_back(place - names.begin());
  }
  for (LabelledFile& entry : part.files) entry.label = label_of[static_cast<std::size_t>(entry.label)];
  return std::move(part.files);
}

int drawer_of(const std::filesystem::path& file) {  // 12 of "0425_12.png"
  const std::string stem = file.stem().string();
  const std::size_t begin = stem.rfind('_') + 1;
  int drawer = 0;
  const auto [end, error] = std::from_chars(stem.data() + begin, stem.data() + stem.size(), drawer);
  if (begin == 0 || error != std::errc() || end != stem.data() + stem.size() || drawer < 1 || drawer > kLastDrawer) {
    throw folders_error(file, "is not called NUMBER_DRAWER with a drawer of 1 to 20; remove or rename it.");
  }
  return drawer;
}

}  // namespace

ClassFolders find_class_folders(const std::filesystem::path& folder, const int depth) {
  ClassFolders found;
  found.names = class_paths(folder, depth);
  for (std::size_t label = 0; label < found.names.size(); ++label) {
    for (std::filesystem::path& file : picture_files(folder / found.names[label])) {
      found.files.push_back({std::move(file), static_cast<std::int64_t>(label)});
    }
  }
  if (found.files.empty()) throw folders_error(folder, "holds no picture in a folder per class; check the path.");
  return found;
}

std::shared_ptr<const Dataset> load_class_folders(const std::filesystem::path& folder, const Split split,
                                                  const std::int64_t image_size) {
  const std::filesystem::path wanted = part_folder(folder, split);
  const std::vector<std::string> names = folder_names(folder / "train");
  return std::make_shared<const FileDataset>(relabelled(find_class_folders(wanted), names, wanted),
                                             class_names_or(folder, names), image_size);
}

std::filesystem::path test_folder(const std::filesystem::path& folder) {
  for (const char* const part : {"test", "val_in_folder", "val"}) {
    if (holds_folders(folder / part)) return folder / part;
  }
  return {};
}

bool has_validation_folder(const std::filesystem::path& folder) {
  return holds_folders(folder / "val") && holds_folders(folder / "test");
}

std::vector<std::filesystem::path> omniglot_folders() {
  return {"images_background", "images_background_small1", "images_background_small2"};
}

std::shared_ptr<const Dataset> load_omniglot(const std::filesystem::path& folder, const Split split,
                                             const std::int64_t image_size) {
  if (split == Split::validation) {
    throw std::invalid_argument("[class_folders] " + folder.string() + ": omniglot has no validation set of its own.");
  }
  const std::filesystem::path root = first_existing(folder, omniglot_folders());
  if (root.empty()) throw folders_error(folder, "holds no images_background; check the path.");
  ClassFolders all = find_class_folders(root, 2);
  std::erase_if(all.files, [&](const LabelledFile& entry) {
    return (drawer_of(entry.file) <= kLastTrainDrawer) != (split == Split::train);
  });
  return std::make_shared<const FileDataset>(std::move(all.files), class_names_or(folder, std::move(all.names)),
                                             image_size);
}

}  // namespace datasets
