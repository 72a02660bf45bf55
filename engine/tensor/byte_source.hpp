// Reads a file from front to back and unpacks it on the way if it is gzip [RFC 1952]. Which of the two it is shows in
// its first two bytes, not in its name. Nothing is unpacked before it is asked for, so a reader that knows how much it
// wants cannot be flooded. What can never be data is refused at once: an empty file, a folder, a Git LFS pointer.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

struct z_stream_s;

namespace engine {

class ByteSource {
 public:
  // `where` opens the messages: "[where] file: what failed". All members throw std::runtime_error.
  ByteSource(std::filesystem::path file, std::string where);

  // Fills `out` and returns its size; returns less only at the end of the data. Reading on until 0 is returned also
  // checks the sum (CRC) that ends a gzip file.
  std::size_t read(std::span<std::uint8_t> out);
  // All that is left. Throws as well if that is more than `most` bytes, or if a plain file no longer has the size it
  // had when it was opened.
  std::vector<std::uint8_t> read_all(std::uint64_t most);
  std::uint64_t most_bytes() const noexcept { return most_bytes_; }  // no file of this size can hold more
  [[noreturn]] void fail(std::string_view problem) const;

 private:
  bool refill();  // false at the end of the file
  std::size_t copy(std::span<std::uint8_t> out);
  std::size_t unpack(std::span<std::uint8_t> out);

  std::filesystem::path file_;
  std::string where_;
  std::ifstream stream_;
  std::vector<std::uint8_t> buffer_;
  std::span<std::uint8_t> unread_;                           // of the buffer
  std::unique_ptr<z_stream_s, void (*)(z_stream_s*)> zlib_;  // null for a plain file
  bool between_members_ = false;                             // a gzip file may be several, one after the other
  std::uint64_t most_bytes_ = 0;
  std::uint64_t bytes_read_ = 0;
};

}  // namespace engine
