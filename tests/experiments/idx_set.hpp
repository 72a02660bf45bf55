// A small data set on disk.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

namespace tests {

// 200 training and 40 test pictures of 9x9 whose brightness tells the class, as IDX files.
inline void write_idx_set(const std::filesystem::path& folder, int variant) {
  std::filesystem::create_directories(folder);
  const auto number = [](std::ofstream& file, int value) {
    for (int shift = 24; shift >= 0; shift -= 8) file.put(static_cast<char>(value >> shift & 255));
  };
  for (const auto& [name, count] : {std::pair<std::string, int>{"train", 200}, {"t10k", 40}}) {
    std::ofstream images(folder / (name + "-images-idx3-ubyte"), std::ios::binary);
    std::ofstream labels(folder / (name + "-labels-idx1-ubyte"), std::ios::binary);
    for (const int value : {2051, count, 9, 9}) number(images, value);
    for (const int value : {2049, count}) number(labels, value);
    for (int i = 0; i < count; ++i) {
      labels.put(static_cast<char>(i % 3));
      for (int pixel = 0; pixel < 81; ++pixel)
        images.put(static_cast<char>(60 * (i % 3) + (7 * i + 13 * pixel + 31 * variant) % 60));
    }
  }
  std::ofstream(folder / "classes.txt") << "A\nbright one\nvery bright\n";  // an article, and spaces
}

}  // namespace tests
