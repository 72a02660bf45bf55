// MATLAB files: all variables of one, then what SVHN makes of X and y.
#include "datasets/mat_file.hpp"
#include "datasets/svhn.hpp"
#include "tests/fuzz/target.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* const data, const std::size_t size) {
  static const fuzz::Folder folder;
  folder.write("test_32x32.mat", fuzz::Bytes(data, size));
  fuzz::attempt(folder.path().string(),
                [&] { fuzz::read_images(folder, *datasets::load_svhn(folder.path(), datasets::Split::test, 4)); });
  return 0;
}
