#include "nn/safetensors_map.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>
#include <utility>

#include "nn/safetensors_input.hpp"

namespace nn {

SafetensorsMap::SafetensorsMap(std::filesystem::path file) : file_(std::move(file)) {
  SafetensorsInput input(file_);
  CheckedHeader checked = read_checked_header(input, file_);
  const auto fail = [&](int error) {
    throw safetensors_error(
        file_, "cannot be mapped: " + std::generic_category().message(error) + "; check the file and its permissions.");
  };
  const int descriptor = ::open(file_.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) fail(errno);
  struct stat status {};
  const bool known = ::fstat(descriptor, &status) == 0;
  if (!known ||
      static_cast<std::uint64_t>(status.st_size) != input.size()) {  // one of another size stands there by now
    ::close(descriptor);
    throw safetensors_error(file_, "changed while it was opened; read it again when nobody writes it.");
  }
  const std::size_t size = static_cast<std::size_t>(input.size());
  void* const address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
  const int error = errno;
  ::close(descriptor);
  if (address == MAP_FAILED) fail(error);
  map_ = {static_cast<std::byte*>(address), Unmap{size}};
  const std::span<const std::byte> data = std::span<const std::byte>(map_.get(), size).subspan(checked.data_begin);
  for (const CheckedHeader::NamedEntry* named : checked.order) {
    const auto& [name, entry] = *named;
    const auto begin = static_cast<std::size_t>(entry.begin);
    tensors_.emplace(name, MappedTensor{entry.dtype, engine::Shape(entry.shape),
                                        data.subspan(begin, static_cast<std::size_t>(entry.end) - begin)});
  }
  metadata_ = std::move(checked.header.metadata);
}

void SafetensorsMap::Unmap::operator()(std::byte* const address) const noexcept { ::munmap(address, size); }

void release_pages(const std::span<const std::byte> bytes) {
  const std::uintptr_t page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const std::uintptr_t begin = reinterpret_cast<std::uintptr_t>(bytes.data()) / page * page;
  const std::uintptr_t end = (reinterpret_cast<std::uintptr_t>(bytes.data()) + bytes.size()) / page * page;
  if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

}  // namespace nn
