// Folders of pictures and text files of names, as they are distributed. They may be hostile: a name that leads out of
// its folder and a folder that holds itself through a symbolic link are refused by name.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace datasets {

// All three throw std::runtime_error naming the folder or file. Hidden entries (".name") are passed over.

// Names of the sub-folders, sorted by code point. Those of links that lead nowhere sensible (to themselves) go to `unfollowed`,
// if it is given, instead of being an error.
std::vector<std::string> folder_names(const std::filesystem::path& folder,
                                      std::vector<std::string>* unfollowed = nullptr);

// Pictures in the folder and all below it, in torchvision's order: by the path of their folder, then by name. What
// counts is the ending: jpg jpeg png ppm bmp pgm tif tiff webp, in any case.
std::vector<std::filesystem::path> picture_files(const std::filesystem::path& folder);

// The lines of a text file, without their ends, a byte-order mark or empty lines at the end of the file. At most
// 4 million of at most 4096 bytes each.
std::vector<std::string> read_lines(const std::filesystem::path& file);

// Where a name in line `line` (from 1) of `list` leads: folder / name. It need not exist. Throws std::runtime_error,
// naming the list and the line, if it is empty or leaves the folder, be it through a symbolic link.
std::filesystem::path path_inside(const std::filesystem::path& folder, std::string_view name,
                                  const std::filesystem::path& list, std::size_t line);

// The first of the candidates (below `folder`) that exists; an empty path if none does.
std::filesystem::path first_existing(const std::filesystem::path& folder,
                                     const std::vector<std::filesystem::path>& candidates);

}  // namespace datasets
