#include "datasets/gtsrb.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "datasets/class_folders.hpp"
#include "datasets/class_names.hpp"
#include "datasets/file_tree.hpp"

namespace datasets {
namespace {

std::runtime_error gtsrb_error(const std::filesystem::path& file, const std::string& problem) {
  return std::runtime_error("[gtsrb] " + file.string() + ": " + problem);
}

std::vector<std::string_view> cells_of(std::string_view line) {
  std::vector<std::string_view> cells;
  for (;;) {
    const std::size_t length = line.find(';');
    cells.push_back(line.substr(0, length));
    if (length == std::string_view::npos) return cells;
    line.remove_prefix(length + 1);
  }
}

// The number that is all of `text`.
std::optional<std::int64_t> number_in(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 0) return std::nullopt;
  return number;
}

// A class is the number its folder of training pictures is called by ("00014"); its label, the place of that folder.
std::vector<LabelledFile> read_table(const std::filesystem::path& table, const std::filesystem::path& pictures,
                                     const std::filesystem::path& training,
                                     const std::vector<std::string>& class_folders) {
  std::map<std::int64_t, std::int64_t> label_of;
  for (const std::string& name : class_folders) {
    const std::optional<std::int64_t> number = number_in(name);
    if (!number || !label_of.emplace(*number, std::ssize(label_of)).second) {
      throw gtsrb_error(training / name,
                        "is no folder of a class: its name must be a number of its own; remove or rename it.");
    }
  }
  const std::vector<std::string> lines = read_lines(table);
  const std::vector<std::string_view> head = lines.empty() ? std::vector<std::string_view>() : cells_of(lines[0]);
  const auto file_column = static_cast<std::size_t>(std::ranges::find(head, "Filename") - head.begin());
  const auto class_column = static_cast<std::size_t>(std::ranges::find(head, "ClassId") - head.begin());
  if (file_column == head.size() || class_column == head.size()) {
    throw gtsrb_error(table,
                      "has no columns Filename and ClassId, separated by semicolons; take the table with labels.");
  }
  std::vector<LabelledFile> files;
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const std::string where = "line " + std::to_string(i + 1);
    const std::vector<std::string_view> cells = cells_of(lines[i]);
    if (cells.size() != head.size()) {
      throw gtsrb_error(table, where + " has " + std::to_string(cells.size()) + " values instead of " +
                                   std::to_string(head.size()) + "; it is damaged.");
    }
    const std::optional<std::int64_t> number = number_in(cells[class_column]);
    if (!number) throw gtsrb_error(table, where + " has a ClassId that is no number; it is damaged.");
    const auto label = label_of.find(*number);
    if (label == label_of.end()) {
      throw gtsrb_error(table, where + " has ClassId " + std::to_string(*number) + ", but " + training.string() +
                                   " holds no folder of that number; fetch it, or remove the line.");
    }
    files.push_back({path_inside(pictures, cells[file_column], table, i + 1), label->second});
  }
  if (files.empty()) throw gtsrb_error(table, "names no picture; fetch it again.");
  return files;
}

std::filesystem::path required(const std::filesystem::path& folder, const std::vector<std::filesystem::path>& places) {
  const std::filesystem::path found = first_existing(folder, places);
  if (found.empty()) throw gtsrb_error(folder, "holds no " + places.front().string() + "; fetch it into this folder.");
  return found;
}

}  // namespace

std::filesystem::path gtsrb_training_folder(const std::filesystem::path& folder) {
  return first_existing(folder, {"Final_Training/Images", "GTSRB/Training", "GTSRB/Final_Training/Images", "Training"});
}

std::shared_ptr<const Dataset> load_gtsrb(const std::filesystem::path& folder, const Split split,
                                          const std::int64_t image_size) {
  if (split == Split::validation) {
    throw std::invalid_argument("[gtsrb] " + folder.string() + ": has folders for train and test only.");
  }
  const std::filesystem::path training = gtsrb_training_folder(folder);
  if (training.empty()) throw gtsrb_error(folder, "holds no Final_Training/Images; fetch it into this folder.");
  if (split == Split::train) {
    ClassFolders train = find_class_folders(training);
    return std::make_shared<const FileDataset>(std::move(train.files), class_names_or(folder, std::move(train.names)),
                                               image_size);
  }
  const std::vector<std::string> class_folders = folder_names(training);
  std::vector<std::string> names = class_names_or(folder, class_folders);
  const std::filesystem::path pictures = required(folder, {"Final_Test/Images", "GTSRB/Final_Test/Images"});
  const std::filesystem::path table =
      required(folder, {"GT-final_test.csv", "Final_Test/GT-final_test.csv", "GTSRB/Final_Test/GT-final_test.csv",
                        "Final_Test/Images/GT-final_test.csv", "GTSRB/Final_Test/Images/GT-final_test.csv"});
  std::vector<LabelledFile> files = read_table(table, pictures, training, class_folders);
  return std::make_shared<const FileDataset>(std::move(files), std::move(names), image_size);
}

}  // namespace datasets
