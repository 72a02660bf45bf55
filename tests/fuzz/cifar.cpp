// The sets of fixed-size records: CIFAR-10, CIFAR-100 and STL-10. The first byte chooses one and which of its files the
// rest of the input is; the others are sound.
#include "datasets/cifar.hpp"

#include <array>
#include <string>

#include "datasets/stl10.hpp"
#include "tests/fuzz/target.hpp"

namespace {

struct File {
  const char* name;
  std::string sound;
};

const std::array<File, 7>& files() {
  static const std::array<File, 7> all = {{{"test_batch.bin", std::string(3073, '\1')},
                                           {"batches.meta.txt", "a\nb\nc\n"},
                                           {"test.bin", std::string(3074, '\1')},
                                           {"fine_label_names.txt", "a\nb\nc\n"},
                                           {"test_y.bin", "\1"},
                                           {"class_names.txt", "a\nb\nc\n"},
                                           {"test_X.bin", std::string(27648, '\1')}}};
  return all;
}

fuzz::Folder make_folder() {
  fuzz::Folder folder;
  for (const File& file : files()) folder.write(file.name, file.sound);
  return folder;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* const data, const std::size_t size) {
  static const fuzz::Folder folder = make_folder();
  if (size == 0) return 0;
  const std::size_t choice = data[0] % files().size();
  const File& file = files()[choice];
  folder.write(file.name, fuzz::Bytes(data, size).subspan(1));
  const auto load = choice < 2 ? datasets::load_cifar10 : choice < 4 ? datasets::load_cifar100 : datasets::load_stl10;
  fuzz::attempt(folder.path().string(),
                [&] { fuzz::read_images(folder, *load(folder.path(), datasets::Split::test, 8)); });
  folder.write(file.name, file.sound);
  return 0;
}
