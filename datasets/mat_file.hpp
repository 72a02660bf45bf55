// Reads MATLAB 5 files (.mat as of MATLAB 5 to 7) [MathWorks, "MAT-File Format", version 5]: a header of 128 bytes,
// then elements: type u32, size u32, data (or both in the first u32 with up to four bytes of data behind). An element
// of type miCOMPRESSED is another one packed by zlib; one of type miMATRIX holds flags, extents, a name and the values,
// which for cells and structs are matrices again.
//
// This is a reader of our own because libmatio hangs on damaged files: on 20 of 4000 small files with one to four bytes
// changed. Here each size is compared with what is left before it is used.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace datasets {

struct MatArray {
  std::vector<std::int64_t> extents;  // values lie column by column
  std::vector<std::uint8_t> bytes;    // of a uint8 or logical array
  std::vector<double> numbers;        // of any other numeric array
  std::string text;                   // of an array of characters
  std::vector<std::string> fields;    // of a struct array
  std::vector<MatArray> cells;        // of a cell array; of a struct array, all fields of its first element, then ...

  // How many elements the extents make; a number of them as double. Throws std::out_of_range.
  std::int64_t count() const noexcept;
  double number(std::int64_t index) const;
  // A field of element `index` of a struct array; null if it has no such field or element.
  const MatArray* field(std::int64_t index, std::string_view name) const;
};

// The named variables of a file. Throws std::runtime_error naming the file, and the byte where it is known, if it is
// not of this kind, damaged, cut short, or over the limits of 4 GiB unpacked, a million cells and names of fields, 32
// levels, and 2^27 numbers in an array that is not of bytes.
std::map<std::string, MatArray> read_mat(const std::filesystem::path& file);

}  // namespace datasets
