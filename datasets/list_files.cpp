#include "datasets/list_files.hpp"

#include <algorithm>
#include <functional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "datasets/class_names.hpp"
#include "datasets/file_dataset.hpp"
#include "datasets/file_tree.hpp"

namespace datasets {
namespace {

std::runtime_error list_error(const std::filesystem::path& file, const std::string& problem) {
  return std::runtime_error("[list] " + file.string() + ": " + problem);
}

struct Listed {
  std::string class_name;
  std::string name;  // below the folder of the pictures
};
using Parse = std::function<Listed(const std::string& line)>;  // an empty class name: the line cannot be understood

struct Entry {
  std::string class_name;
  std::filesystem::path file;
};

void read_list(const std::filesystem::path& list, const std::filesystem::path& pictures, const Parse& parse,
               std::vector<Entry>& entries) {
  const std::vector<std::string> lines = read_lines(list);
  if (lines.empty()) throw list_error(list, "names no picture; fetch it again.");
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const Listed listed = parse(lines[i]);
    const std::filesystem::path file = path_inside(pictures, listed.name, list, i + 1);
    if (listed.class_name.empty()) {
      throw list_error(list, "line " + std::to_string(i + 1) + " shows no class: '" + lines[i] + "'.");
    }
    entries.push_back({listed.class_name, file});
  }
}

std::shared_ptr<const Dataset> make(const std::filesystem::path& folder, std::vector<Entry> entries,
                                    std::vector<std::string> classes, const std::filesystem::path& list,
                                    const std::int64_t image_size) {
  std::ranges::sort(entries, {}, [](const Entry& entry) { return std::tuple(entry.class_name, entry.file.string()); });
  std::vector<LabelledFile> files;
  for (Entry& entry : entries) {
    const auto place = std::ranges::lower_bound(classes, entry.class_name);
    if (place == classes.end() || *place != entry.class_name) {
      throw list_error(list, "names a picture of class '" + entry.class_name + "', which the set does not have.");
    }
    files.push_back({std::move(entry.file), place - classes.begin()});
  }
  return std::make_shared<const FileDataset>(std::move(files), class_names_or(folder, std::move(classes)), image_size);
}

void refuse_validation(const std::filesystem::path& folder, const Split split) {
  if (split != Split::validation) return;
  throw std::invalid_argument("[list] " + folder.string() + ": has lists for train and test only.");
}

}  // namespace

std::shared_ptr<const Dataset> load_dtd(const std::filesystem::path& folder, const Split split,
                                        const std::int64_t image_size) {
  refuse_validation(folder, split);
  const std::filesystem::path pictures = folder / "images";
  const Parse parse = [](const std::string& line) {
    const std::size_t slash = line.find('/');
    return Listed{slash == std::string::npos ? "" : line.substr(0, slash), line};
  };
  const std::filesystem::path list = folder / (split == Split::train ? "labels/train1.txt" : "labels/test1.txt");
  std::vector<Entry> entries;
  read_list(list, pictures, parse, entries);
  const std::filesystem::path more = folder / "labels/val1.txt";
  std::error_code error;
  if (split == Split::train && std::filesystem::exists(more, error)) read_list(more, pictures, parse, entries);
  return make(folder, std::move(entries), folder_names(pictures), list, image_size);
}

std::shared_ptr<const Dataset> load_sun397(const std::filesystem::path& folder, const Split split,
                                           const std::int64_t image_size) {
  refuse_validation(folder, split);
  const Parse parse = [](const std::string& line) {
    const std::string name = line.starts_with('/') ? line.substr(1) : line;
    std::string class_name = name.substr(0, std::min(name.rfind('/'), name.size()));
    std::ranges::replace(class_name, '/', '_');
    return Listed{class_name == name ? "" : class_name, name};
  };
  const auto list_of = [&folder](const std::string& name) {
    const std::filesystem::path list = first_existing(folder, {"Partitions/" + name, name});
    if (list.empty()) throw list_error(folder, "holds no " + name + "; fetch it into this folder.");
    return list;
  };
  std::vector<Entry> train;
  std::vector<Entry> test;
  const std::filesystem::path list = list_of(split == Split::train ? "Training_01.txt" : "Testing_01.txt");
  read_list(list_of("Training_01.txt"), folder, parse, train);
  if (split == Split::test) read_list(list, folder, parse, test);
  std::vector<std::string> classes;  // those of the training pictures
  for (const Entry& entry : train) classes.push_back(entry.class_name);
  std::ranges::sort(classes);
  classes.erase(std::unique(classes.begin(), classes.end()), classes.end());
  return make(folder, split == Split::train ? std::move(train) : std::move(test), std::move(classes), list, image_size);
}

std::shared_ptr<const Dataset> load_resisc45(const std::filesystem::path& folder, const Split split,
                                             const std::int64_t image_size) {
  refuse_validation(folder, split);
  const std::filesystem::path pictures = folder / "NWPU-RESISC45";
  const Parse parse = [](const std::string& line) {
    const std::size_t underscore = line.rfind('_');  // of "ground_track_field_012.jpg"
    if (underscore == std::string::npos) return Listed{"", line};
    const std::string class_name = line.substr(0, underscore);
    return Listed{class_name, class_name + "/" + line};
  };
  const std::filesystem::path list = folder / (split == Split::train ? "resisc45-train.txt" : "resisc45-test.txt");
  std::vector<Entry> entries;
  read_list(list, pictures, parse, entries);
  return make(folder, std::move(entries), folder_names(pictures), list, image_size);
}

}  // namespace datasets
