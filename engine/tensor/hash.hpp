// FNV-1a [Fowler, Noll & Vo 1991]: a hash that is the same on every machine, unlike std::hash. For naming random streams and telling
// contents apart, not against anyone who means to deceive.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace engine {

class Hash {
 public:
  void add(std::uint64_t number) noexcept { state_ = (state_ ^ number) * 0x100000001B3ull; }
  void add(std::string_view text) noexcept {
    for (const char c : text) add(std::uint64_t{static_cast<unsigned char>(c)});
  }
  std::uint64_t value() const noexcept { return state_; }
  std::string hex() const {  // 16 digits
    std::string digits;
    for (int shift = 60; shift >= 0; shift -= 4) digits += "0123456789abcdef"[state_ >> shift & 15];
    return digits;
  }

 private:
  std::uint64_t state_ = 0xCBF29CE484222325ull;
};

inline std::uint64_t hash_of(std::string_view text) noexcept {
  Hash hash;
  hash.add(text);
  return hash.value();
}

}  // namespace engine
