// zlib's inflate rather than its gzread: gzread passes silently over what follows the last gzip member.
#include "engine/tensor/byte_source.hpp"

#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace engine {
namespace {

constexpr std::size_t kBufferBytes = 1 << 16;
constexpr std::uint64_t kMostExpansion = 1032;  // deflate's best: 258 equal bytes in 2 bits
constexpr int kGzipOnly = 15 + 16;              // zlib's windowBits for gzip with the largest window

// What stands in a repository for a file that Git LFS keeps elsewhere begins like this.
constexpr std::string_view kLfsPointer = "version https://git-lfs";

void close_zlib(z_stream* const zlib) {
  inflateEnd(zlib);
  delete zlib;
}

}  // namespace

ByteSource::ByteSource(std::filesystem::path file, std::string where)
    : file_(std::move(file)), where_(std::move(where)), buffer_(kBufferBytes), zlib_(nullptr, close_zlib) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(file_, error);
  if (!std::filesystem::exists(status)) fail("does not exist; check the path.");
  if (!std::filesystem::is_regular_file(status)) fail("is not a file; give the path of the file itself.");
  const std::uint64_t size = std::filesystem::file_size(file_, error);
  if (error) fail("cannot be read: " + error.message() + "; check the file and its permissions.");
  errno = 0;
  stream_.open(file_, std::ios::binary);
  if (!stream_) fail("cannot be read: " + std::generic_category().message(errno) + "; check the file's permissions.");

  refill();
  if (size == 0) fail("is empty; fetch it again.");
  if (unread_.size() >= kLfsPointer.size() && std::ranges::equal(unread_.first(kLfsPointer.size()), kLfsPointer)) {
    fail("is a Git LFS pointer, not the data it stands for; run git lfs pull where it came from.");
  }
  const bool is_gzip = unread_.size() >= 2 && unread_[0] == 0x1F && unread_[1] == 0x8B;
  most_bytes_ = is_gzip ? size * kMostExpansion : size;
  if (!is_gzip) return;
  zlib_.reset(new z_stream{});
  if (inflateInit2(zlib_.get(), kGzipOnly) != Z_OK) throw std::bad_alloc();
}

std::size_t ByteSource::read(const std::span<std::uint8_t> out) {
  const std::size_t done = zlib_ ? unpack(out) : copy(out);
  bytes_read_ += done;
  return done;
}

std::vector<std::uint8_t> ByteSource::read_all(const std::uint64_t most) {
  constexpr std::uint64_t kStep = 1 << 24;  // of a gzip file, whose size shows only when it has been unpacked
  std::vector<std::uint8_t> bytes;
  for (std::uint64_t done = 0;;) {
    const std::uint64_t possible = most_bytes_ - std::min(bytes_read_, most_bytes_);
    const std::uint64_t left = zlib_ ? std::min(kStep, possible) : possible;
    if (zlib_ ? done > most : left > most) {
      fail("holds more than the limit of " + std::to_string(most) + " bytes; it is not what it is taken for.");
    }
    bytes.resize(done + left + 1);  // one more, to see whether the file ends there
    const std::size_t found = read(std::span(bytes).subspan(done));
    done += found;
    bytes.resize(done);
    if (!zlib_ && found != left) fail("changed its size while it was being read; try again when it is complete.");
    if (found <= left) return bytes;
  }
}

std::size_t ByteSource::copy(const std::span<std::uint8_t> out) {
  std::size_t done = 0;
  while (done < out.size() && (!unread_.empty() || refill())) {
    const std::size_t part = std::min(unread_.size(), out.size() - done);
    std::copy_n(unread_.begin(), part, out.begin() + static_cast<std::ptrdiff_t>(done));
    unread_ = unread_.subspan(part);
    done += part;
  }
  return done;
}

std::size_t ByteSource::unpack(const std::span<std::uint8_t> out) {
  constexpr std::size_t kMostAtOnce = 1 << 30;  // zlib counts in 32 bits
  std::size_t done = 0;
  while (done < out.size()) {
    if (unread_.empty() && !refill()) {
      if (between_members_) return done;
      fail("the gzip data is cut short; fetch the file again.");
    }
    if (std::exchange(between_members_, false)) inflateReset(zlib_.get());
    const std::size_t wanted = std::min(out.size() - done, kMostAtOnce);
    zlib_->next_in = unread_.data();
    zlib_->avail_in = static_cast<uInt>(unread_.size());
    zlib_->next_out = out.data() + done;
    zlib_->avail_out = static_cast<uInt>(wanted);
    const int status = inflate(zlib_.get(), Z_NO_FLUSH);
    if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) {
      const std::string reason = zlib_->msg != nullptr ? zlib_->msg : "error " + std::to_string(status);
      fail("the gzip data is damaged (" + reason + "); fetch the file again.");
    }
    between_members_ = status == Z_STREAM_END;
    unread_ = unread_.last(zlib_->avail_in);
    done += wanted - zlib_->avail_out;
  }
  return done;
}

bool ByteSource::refill() {
  errno = 0;
  stream_.read(reinterpret_cast<char*>(buffer_.data()), static_cast<std::streamsize>(buffer_.size()));
  if (stream_.bad()) fail("cannot be read: " + std::generic_category().message(errno) + "; check the disk.");
  unread_ = std::span(buffer_).first(static_cast<std::size_t>(stream_.gcount()));
  return !unread_.empty();
}

void ByteSource::fail(const std::string_view problem) const {
  throw std::runtime_error("[" + where_ + "] " + file_.string() + ": " + std::string(problem));
}

}  // namespace engine
