// A task as the experiments see it, whether it is drawn by the built-in world or read from disk: images to fine-tune
// on, to choose alpha on and to test on, a web set for pre-training, and the words its head is made of.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "datasets/dataset.hpp"
#include "datasets/registry.hpp"
#include "datasets/split.hpp"
#include "datasets/task_text.hpp"
#include "engine/parallel/shards.hpp"
#include "experiments/common/recipe.hpp"

namespace experiments {

struct TaskImages;  // what was read of a task so far

struct TaskSource {  // made by find_source
  std::string name;
  std::optional<datasets::RealSet> real;  // none for a task of the built-in world
  std::string content;                    // a fingerprint of its files and words; empty likewise
  datasets::TaskText text;
  std::shared_ptr<TaskImages> images;  // shared by all stages of a program, so that each file is read once
};

// By name: a task of the world, or a set below `data` (datasets/registry.hpp). Throws std::invalid_argument with the
// known names; also if the name means both.
TaskSource find_source(const std::string& name, const std::filesystem::path& data);
std::vector<std::string> world_task_names();  // the eight, without the control

// The tasks, the eight of the world if none is named, and the control behind them unless it is "none". Throws
// std::invalid_argument if a task is named twice or is the control.
std::vector<TaskSource> find_sources(std::vector<std::string> tasks, const std::string& control,
                                     const std::filesystem::path& data);

std::vector<std::string> task_names(const std::vector<TaskSource>& sources, const std::string& control);  // without it

// Throws std::runtime_error if programs could not use the set: two classes of one name, or too few images to divide.
void check_usable(const datasets::RealSet& set);

Json contents(const std::vector<TaskSource>& sources);  // of each by its name, for the fingerprint of a run

using DatasetPtr = std::shared_ptr<const datasets::Dataset>;

// datasets::load_real_splits of a real set, once for each size. Says so if that takes long.
const datasets::RealSplits& real_splits(const TaskSource& source, std::int64_t image_size);

struct TaskData {
  std::string name;
  std::string content;  // as the source's
  datasets::TaskText text;
  DatasetPtr train, validation, test;
};
// Drawn or decoded once, on the pool, and kept in memory as bytes; more than datasets::kMostBytesInMemory in one part are
// decoded anew in every epoch, and so are the training images of a real set for random crops, which are cut from the
// picture as its file has it. What was loaded before from this source is not read again. Throws Interrupted after Ctrl-C.
// Real sets: test and validation images are those of the reference code; 40 % of its training images are for pre-training
// and the rest to fine-tune on; all of them if the recipe has no pre-training. Of each part the first so many images of
// an order fixed for good are taken, so no program's options can make one part run into another.
TaskData load_task(const TaskSource& source, const Recipe& recipe, std::uint64_t seed, engine::ShardPool& pool);

// Images of one split, at most `most` of a real set, drawn or decoded whenever they are read: for what looks at each once.
// Their pixels are those that load_task gives, bytes.
DatasetPtr images_of(const TaskSource& source, datasets::Split split, std::int64_t most, const Recipe& recipe,
                     std::uint64_t seed);

// Images of the web distribution. Real images get its photometric step; a set smaller than asked for is used several
// times, each time in another style.
DatasetPtr load_web(const TaskSource& source, const Recipe& recipe, std::uint64_t seed, engine::ShardPool& pool);

}  // namespace experiments
