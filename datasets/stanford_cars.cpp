#include "datasets/stanford_cars.hpp"

#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "datasets/class_names.hpp"
#include "datasets/file_dataset.hpp"
#include "datasets/file_tree.hpp"
#include "datasets/mat_file.hpp"

namespace datasets {
namespace {

std::runtime_error cars_error(const std::filesystem::path& file, const std::string& problem) {
  return std::runtime_error("[stanford_cars] " + file.string() + ": " + problem);
}

MatArray variable(const std::filesystem::path& file, const std::string& name) {
  std::map<std::string, MatArray> variables = read_mat(file);
  const auto found = variables.find(name);
  if (found == variables.end()) throw cars_error(file, "holds no variable " + name + "; it is of another kind.");
  return std::move(found->second);
}

}  // namespace

std::shared_ptr<const Dataset> load_stanford_cars(const std::filesystem::path& folder, const Split split,
                                                  const std::int64_t image_size) {
  if (split == Split::validation) {
    throw std::invalid_argument("[stanford_cars] " + folder.string() + ": has files for train and test only.");
  }
  const std::filesystem::path meta = folder / "devkit/cars_meta.mat";
  std::vector<std::string> class_names;
  for (const MatArray& name : variable(meta, "class_names").cells) class_names.push_back(name.text);

  const std::filesystem::path images = folder / (split == Split::train ? "cars_train" : "cars_test");
  std::filesystem::path list = folder / "devkit/cars_train_annos.mat";
  if (split == Split::test) {
    list = first_existing(folder, {"cars_test_annos_withlabels.mat", "devkit/cars_test_annos_withlabels.mat"});
    if (list.empty()) throw cars_error(folder, "holds no cars_test_annos_withlabels.mat; fetch it into this folder.");
  }
  const MatArray annotations = variable(list, "annotations");
  if (annotations.count() == 0) throw cars_error(list, "holds no annotation; fetch it again.");
  std::vector<LabelledFile> files;
  for (std::int64_t i = 0; i < annotations.count(); ++i) {
    const MatArray* const file = annotations.field(i, "fname");
    const MatArray* const label = annotations.field(i, "class");
    if (file == nullptr || label == nullptr || label->bytes.size() + label->numbers.size() != 1) {
      throw cars_error(list, "annotation " + std::to_string(i + 1) + " lacks its fname or class; it is damaged.");
    }
    const double number = label->number(0);
    if (!(number >= 1.0 && number <= static_cast<double>(class_names.size()))) {
      throw cars_error(list, "annotation " + std::to_string(i + 1) + " is of class " + std::to_string(number) +
                                 ", which is not in 1 .. " + std::to_string(class_names.size()) + ".");
    }
    files.push_back({path_inside(images, file->text, list, static_cast<std::size_t>(i + 1)),
                     static_cast<std::int64_t>(number) - 1});
  }
  return std::make_shared<const FileDataset>(std::move(files), class_names_or(folder, std::move(class_names)),
                                             image_size);
}

}  // namespace datasets
