// Stanford Cars: the input as the list of annotations, then as that of class names, each beside a sound other one.
#include "datasets/stanford_cars.hpp"

#include <string>

#include "tests/fuzz/target.hpp"

namespace {

fuzz::Folder make_folder() {
  fuzz::Folder folder;
  const std::filesystem::path golden = TANGENT_GOLDEN_DIR;
  for (const char* const part : {"names", "annotations"}) {
    std::filesystem::create_directories(folder.path() / part / "devkit");
    folder.write(std::string(part) + "/cars_train/00001.jpg", "P6 1 1 255\n...");
    std::filesystem::copy(golden / "cars_meta.mat", folder.path() / part / "devkit/cars_meta.mat");
    std::filesystem::copy(golden / "cars_annos.mat", folder.path() / part / "devkit/cars_train_annos.mat");
  }
  return folder;
}

void load(const fuzz::Folder& folder, const std::string_view part) {
  fuzz::attempt(folder.path().string(), [&] {
    fuzz::read_images(folder, *datasets::load_stanford_cars(folder.path() / part, datasets::Split::train, 1));
  });
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* const data, const std::size_t size) {
  static const fuzz::Folder folder = make_folder();
  folder.write("annotations/devkit/cars_train_annos.mat", fuzz::Bytes(data, size));
  load(folder, "annotations");
  folder.write("names/devkit/cars_meta.mat", fuzz::Bytes(data, size));
  load(folder, "names");
  return 0;
}
