// From a name to a data set on disk. Two tables meet here: formats, each a layout of files with its loader, and known
// sets (datasets/known_sets.hpp). A folder of any name is a set if its files are laid out in one of the formats.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/dataset.hpp"
#include "datasets/known_sets.hpp"
#include "datasets/split.hpp"

namespace datasets {

struct Format {
  std::string_view name;
  std::string_view layout;                   // what it looks for, for people
  std::vector<std::filesystem::path> signs;  // one of them in a folder tells that this layout is meant
  bool (*matches)(const std::filesystem::path& folder);
  std::shared_ptr<const Dataset> (*load)(const std::filesystem::path& folder, Split split, std::int64_t image_size);
};
std::span<const Format> formats();

struct RealSet {
  std::string name;
  std::filesystem::path folder;
  const Format* format = nullptr;
  const KnownSet* known = nullptr;  // null for a set of one's own
};

// The set of that name below `data`: a known set, or a sub-folder. None if there is no such folder or its files are in
// no known layout.
std::optional<RealSet> find_real_set(const std::string& name, const std::filesystem::path& data);

// All sets below `data`, by name. Throws std::runtime_error if `data` cannot be listed.
std::vector<RealSet> find_real_sets(const std::filesystem::path& data);

bool is_real_set(const std::filesystem::path& folder);  // as it is: no folder of sets

// What keeps a folder from being a set, for people: "looks like stl10, which needs ...".
std::string why_no_set(const std::filesystem::path& folder);

// The training or test files as they are; class names from classes.txt, else as prompts have them. Throws
// std::runtime_error naming the file if one is missing or damaged; pictures in files of their own are only decoded when
// they are read.
std::shared_ptr<const Dataset> load_real_set(const RealSet& set, Split split, std::int64_t image_size);

bool has_own_validation(const RealSet& set);  // pictures in a folder for it, as EuroSAT

// Divided as the reference code does it: a validation folder if the set has one (EuroSAT), else reference_split of the
// training files. `test` is the test part if it was loaded before, at this image size.
struct RealSplits {
  std::shared_ptr<const Dataset> train, validation, test;
};
RealSplits load_real_splits(const RealSet& set, std::int64_t image_size, std::shared_ptr<const Dataset> test = nullptr);

}  // namespace datasets
