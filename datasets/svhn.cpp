#include "datasets/svhn.hpp"

#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "datasets/class_names.hpp"
#include "datasets/mat_file.hpp"
#include "datasets/pixel_dataset.hpp"

namespace datasets {

std::shared_ptr<const Dataset> load_svhn(const std::filesystem::path& folder, const Split split,
                                         const std::int64_t image_size) {
  if (split == Split::validation) {
    throw std::invalid_argument("[svhn] " + folder.string() + ": has files for train and test only.");
  }
  const std::filesystem::path file = folder / (split == Split::train ? "train_32x32.mat" : "test_32x32.mat");
  const auto fail = [&file](const std::string& problem) {
    throw std::runtime_error("[svhn] " + file.string() + ": " + problem);
  };
  std::map<std::string, MatArray> variables = read_mat(file);
  MatArray& x = variables["X"];
  const MatArray& y = variables["y"];
  if (x.extents.size() != 4 || x.extents[2] != 3 || x.count() < 1 || x.bytes.empty()) {
    fail("holds no array X of bytes [height, width, 3, N]; it is of another kind.");
  }
  const std::int64_t height = x.extents[0];
  const std::int64_t width = x.extents[1];
  const std::int64_t count = x.extents[3];
  if (y.count() != count || (y.bytes.empty() && y.numbers.empty())) {
    fail("holds " + std::to_string(count) + " images in X, but " + std::to_string(y.count()) + " labels in y.");
  }
  std::vector<std::int64_t> labels;
  for (std::int64_t i = 0; i < count; ++i) {
    const double label = y.number(i);
    if (!(label >= 1.0 && label <= 10.0)) {
      fail("label " + std::to_string(i) + " is " + std::to_string(label) + ", which is not in 1 .. 10; it is damaged.");
    }
    labels.push_back(static_cast<std::int64_t>(label) % 10);
  }
  const PixelLayout layout{height, width, 0, 3 * height * width, 1, height, height * width};
  return std::make_shared<const PixelDataset>(
      std::move(x.bytes), layout, std::move(labels),
      class_names_or(folder, {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}), image_size);
}

}  // namespace datasets
