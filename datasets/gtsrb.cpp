#include "datasets/gtsrb.hpp"

#include <algorithm>
#include <charconv>
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

std::vector<LabelledFile> read_table(const std::filesystem::path& table, const std::filesystem::path& pictures,
                                     const std::size_t classes) {
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
    const std::string_view number = cells[class_column];
    std::size_t label = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), label);
    if (error != std::errc() || end != number.data() + number.size() || label >= classes) {
      throw gtsrb_error(table, where + " has a ClassId that is no number below " + std::to_string(classes) + ".");
    }
    files.push_back({path_inside(pictures, cells[file_column], table, i + 1), static_cast<std::int64_t>(label)});
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
  std::vector<std::string> names = class_names_or(folder, folder_names(training));
  const std::filesystem::path pictures = required(folder, {"Final_Test/Images", "GTSRB/Final_Test/Images"});
  const std::filesystem::path table =
      required(folder, {"GT-final_test.csv", "Final_Test/GT-final_test.csv", "GTSRB/Final_Test/GT-final_test.csv",
                        "Final_Test/Images/GT-final_test.csv", "GTSRB/Final_Test/Images/GT-final_test.csv"});
  std::vector<LabelledFile> files = read_table(table, pictures, names.size());
  return std::make_shared<const FileDataset>(std::move(files), std::move(names), image_size);
}

}  // namespace datasets
