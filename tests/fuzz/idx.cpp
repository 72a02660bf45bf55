// IDX files, plain and gzip: the input as the file of images, then as that of labels, each beside a sound other one.
#include "datasets/idx.hpp"

#include "tests/fuzz/target.hpp"

namespace {

constexpr std::string_view kThreeImages("\0\0\x08\x03\0\0\0\3\0\0\0\2\0\0\0\3..................", 34);
constexpr std::string_view kThreeLabels("\0\0\x08\x01\0\0\0\3\2\0\1", 11);

void load(const fuzz::Folder& folder, const fuzz::Bytes images, const fuzz::Bytes labels) {
  folder.write("t10k-images-idx3-ubyte", images);
  folder.write("t10k-labels-idx1-ubyte", labels);
  fuzz::attempt(folder.path().string(), [&] {
    fuzz::read_images(folder, *datasets::load_idx_folder(folder.path(), datasets::Split::test, 4));
  });
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* const data, const std::size_t size) {
  static const fuzz::Folder folder;
  load(folder, {data, size}, fuzz::bytes_of(kThreeLabels));
  load(folder, fuzz::bytes_of(kThreeImages), {data, size});
  return 0;
}
