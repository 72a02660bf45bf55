// GTSRB's table of test pictures. Beside its folder lies a white picture: if that is ever read, a name led out.
#include "datasets/gtsrb.hpp"

#include <algorithm>
#include <vector>

#include "tests/fuzz/target.hpp"

namespace {

constexpr std::string_view kBlack("P6 1 1 255\n\0\0\0", 14);
constexpr std::string_view kWhite("P6 1 1 255\n\xFF\xFF\xFF", 14);

fuzz::Folder make_folder() {
  fuzz::Folder folder;
  folder.write("Final_Training/Images/00000/a.ppm", kBlack);
  folder.write("Final_Training/Images/00001/a.ppm", kBlack);
  folder.write("Final_Test/Images/a.ppm", kBlack);
  folder.write("Final_Test/secret.ppm", kWhite);
  std::filesystem::create_directory_symlink("..", folder.path() / "Final_Test/Images/out");
  std::filesystem::create_directory_symlink("loop", folder.path() / "Final_Test/Images/loop");
  return folder;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* const data, const std::size_t size) {
  static const fuzz::Folder folder = make_folder();
  folder.write("GT-final_test.csv", fuzz::Bytes(data, size));
  fuzz::attempt(folder.path().string(), [&] {
    const auto set = datasets::load_gtsrb(folder.path(), datasets::Split::test, 1);
    std::vector<float> chw(3);
    for (std::int64_t i = 0; i < std::min<std::int64_t>(set->size(), 16); ++i) {
      fuzz::attempt(folder.path().string(), [&] { set->read_image(i, chw); });
      if (chw[0] > 0.0f) fuzz::fail("a picture outside the folder was read");
    }
  });
  return 0;
}
