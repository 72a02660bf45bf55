// Lists of pictures: the first byte chooses DTD, SUN397, RESISC45 or a list of class names, the rest is the list.
// Beside the pictures lies a white one: if that is ever read, a name led out.
#include "datasets/list_files.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "datasets/class_names.hpp"
#include "tests/fuzz/target.hpp"

namespace {

using datasets::Split;

constexpr std::string_view kBlack("P6 1 1 255\n\0\0\0", 14);
constexpr std::string_view kWhite("P6 1 1 255\n\xFF\xFF\xFF", 14);

fuzz::Folder make_folder() {
  fuzz::Folder folder;
  for (const char* const pictures : {"dtd/images", "sun/a", "land/NWPU-RESISC45"}) {
    const std::string root = pictures;
    folder.write(root + "/banded/banded_1.ppm", kBlack);
    folder.write(root + "/dotted/2.ppm", kBlack);
    std::filesystem::create_directory_symlink(folder.path(), folder.path() / root / "banded/out");
    std::filesystem::create_directory_symlink("loop", folder.path() / root / "banded/loop");
  }
  folder.write("dtd/labels/test1.txt", "banded/banded_1.ppm\n");
  folder.write("secret.ppm", kWhite);
  folder.write("banded/secret.ppm", kWhite);
  folder.write("dtd/banded/secret.ppm", kWhite);
  return folder;
}

void read_pictures(const fuzz::Folder& folder, const datasets::Dataset& set) {
  std::vector<float> chw(3);
  for (std::int64_t i = 0; i < std::min<std::int64_t>(set.size(), 16); ++i) {
    fuzz::attempt(folder.path().string(), [&] { set.read_image(i, chw); });
    if (chw[0] > 0.0f) fuzz::fail("a picture outside the folder was read");
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* const data, const std::size_t size) {
  static const fuzz::Folder folder = make_folder();
  if (size == 0) return 0;
  const fuzz::Bytes list = fuzz::Bytes(data, size).subspan(1);
  fuzz::attempt(folder.path().string(), [&] {
    switch (data[0] % 4) {
      case 0:
        folder.write("dtd/labels/train1.txt", list);
        return read_pictures(folder, *datasets::load_dtd(folder.path() / "dtd", Split::train, 1));
      case 1:
        folder.write("sun/Training_01.txt", list);
        return read_pictures(folder, *datasets::load_sun397(folder.path() / "sun", Split::train, 1));
      case 2:
        folder.write("land/resisc45-train.txt", list);
        return read_pictures(folder, *datasets::load_resisc45(folder.path() / "land", Split::train, 1));
      default:
        folder.write("classes.txt", list);
        static_cast<void>(datasets::listed_class_names(folder.path()));
    }
  });
  return 0;
}
