// Safetensors files: header and elements. No tensor may be larger than what the file holds.
#include "nn/safetensors.hpp"

#include "tests/fuzz/target.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* const data, const std::size_t size) {
  static const fuzz::Folder folder;
  folder.write("x.safetensors", fuzz::Bytes(data, size));
  fuzz::attempt(folder.path().string(), [&] {
    for (const auto& [name, tensor] : nn::read_safetensors(folder.path() / "x.safetensors").tensors) {
      const std::uint64_t taken = static_cast<std::uint64_t>(tensor.bytes());
      if (taken > 2 * size) fuzz::fail("tensor " + name + " has more elements than the file");  // F16 becomes f32
    }
  });
  return 0;
}
