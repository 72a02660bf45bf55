// What the fuzz targets share. A target makes of its input the files a reader would meet and lets it read them. Two
// answers are allowed: success, and a std::runtime_error of one line, "[where] ...", that names a file of the folder.
// Anything else ends the program, as does whatever a sanitizer finds [llvm.org/docs/LibFuzzer.html].
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string_view>

#include "datasets/dataset.hpp"

namespace fuzz {

using Bytes = std::span<const std::uint8_t>;

Bytes bytes_of(std::string_view text);

// A folder of this process below the folder for temporary files. libFuzzer leaves without destructors: scripts/fuzz
// clears up.
class Folder {
 public:
  Folder();
  const std::filesystem::path& path() const noexcept { return path_; }
  void write(std::string_view name, Bytes bytes) const;  // folders on the way are made
  void write(std::string_view name, std::string_view text) const { write(name, bytes_of(text)); }

 private:
  std::filesystem::path path_;
};

// Lets `reader` read; see above. Messages must hold `name`.
void attempt(std::string_view name, const std::function<void()>& reader);

// Reads the first and the last images of a set. Each is between 0 and 1 or may be missed.
void read_images(const Folder& folder, const datasets::Dataset& set);

[[noreturn]] void fail(std::string_view problem);  // what a target itself finds

}  // namespace fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
