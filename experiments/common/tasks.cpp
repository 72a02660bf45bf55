#include "experiments/common/tasks.hpp"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>
#include <stdexcept>

#include "datasets/memory_dataset.hpp"
#include "datasets/normalised.hpp"
#include "datasets/subset.hpp"
#include "datasets/world/style.hpp"
#include "datasets/world/tasks.hpp"
#include "datasets/world/world_dataset.hpp"
#include "engine/tensor/hash.hpp"
#include "engine/tensor/random.hpp"
#include "experiments/common/captions.hpp"
#include "experiments/common/interrupt.hpp"
#include "experiments/common/progress.hpp"
#include "models/word_vectors.hpp"
#include "nn/nearest_name.hpp"

namespace experiments {

using datasets::Dataset;
using datasets::Split;
using datasets::world::Distribution;

struct TaskImages {
  struct Kept {
    std::uint64_t seed;
    std::int64_t image_size;
    DatasetPtr images;
  };
  DatasetPtr named;                                     // the test part, loaded for its class names at kNamedSize
  std::map<std::int64_t, datasets::RealSplits> splits;  // of a real set, by the size of images
  std::map<std::string, Kept> kept;                     // by part
};

namespace {

constexpr std::int64_t kNamedSize = 32;

constexpr double kMoment = 1.0;    // seconds; reading that takes longer shows a progress bar
constexpr double kWebShare = 0.4;  // of a real training set is for pre-training
constexpr std::uint64_t kMostHashed = 1ull << 31;
constexpr std::uint64_t kSplitSeed = 0;  // how a real set is divided does not change with --seed
constexpr std::uint64_t kWebStream = 0x574542;

// "gtsrb" of " gtsrb", after a comma and a space, and of "gtsrb/", as a shell completes it.
std::string plain_name(const std::string& text) {
  const std::size_t begin = text.find_first_not_of(' ');
  return begin == std::string::npos ? "" : text.substr(begin, text.find_last_not_of(" /") + 1 - begin);
}

bool is_world_task(const std::string& name) {
  const std::vector<std::string> names = world_task_names();
  return std::ranges::find(names, name) != names.end() || name == datasets::world::control_task().name;
}

// One word per class that no other class has: "notmnist-a" for the letter A, which alone would be an article. Whatever
// would end a word becomes a hyphen.
std::string class_word(const std::string& set, const std::string& class_name) {
  std::string word = set + "-" + class_name;
  for (char& c : word) {
    const unsigned char byte = static_cast<unsigned char>(c);
    if (byte < 0x80) c = std::isalnum(byte) != 0 ? static_cast<char>(std::tolower(byte)) : '-';
  }
  return word;
}

// CLIP's prompts for the set, or three plain ones where it has none. A caption that names no class must still tell what
// the set is about: where one would not ("a photo of a .") the domain goes before the class.
std::vector<std::string> templates_of(const datasets::RealSet& set, const std::string& domain) {
  std::vector<std::string> patterns{"a photo of a {class}", "the {class}", "a picture of the {class}"};
  if (set.known != nullptr && !set.known->templates.empty()) patterns = set.known->templates;
  const auto tells_nothing = [](const std::string& pattern) {
    return models::content_words(caption(pattern, "")).empty();
  };
  if (std::ranges::any_of(patterns, tells_nothing)) {
    for (std::string& pattern : patterns) pattern = caption(pattern, domain + " {class}");
  }
  return patterns;
}

// What people call the classes, and the prompts CLIP is asked with.
void add_plain_words(datasets::TaskText& text, const datasets::RealSet& set, std::span<const std::string> class_names) {
  text.plain_names.assign(class_names.begin(), class_names.end());
  std::string what = "{class}";
  if (set.known != nullptr) {
    text.plain_templates = set.known->templates;
    if (!text.plain_templates.empty()) return;
    what = set.known->domain + " " + what;
  } else {  // golden_retriever
    for (std::string& name : text.plain_names) std::ranges::replace(name, '_', ' ');
  }
  text.plain_templates = {"a photo of a " + what + ".", "a photo of the " + what + "."};
}

// Sets that are not known are called by their own name.
datasets::TaskText text_of(const datasets::RealSet& set, std::span<const std::string> class_names) {
  const std::string& name = set.name;
  datasets::TaskText text{set.known != nullptr ? set.known->domain : name + " picture-class", {}, {}, {}};
  std::set<std::string> taken;
  for (const std::string& class_name : class_names) {
    std::string word = class_word(name, class_name);
    if (set.known != nullptr && set.known->class_name != nullptr && taken.contains(word)) {
      word += "-2";  // CLIP has one name for two classes of ImageNet, twice
    }
    text.class_names.push_back(std::move(word));
    if (!taken.insert(text.class_names.back()).second) {
      throw std::runtime_error("[data] " + name + ": the class '" + class_name +
                               "' occurs twice (case and punctuation do not count); name the classes in " +
                               (set.folder / "classes.txt").string() + ".");
    }
    text.aliases.push_back("synonym-of-" + text.class_names.back());
  }
  text.templates = templates_of(set, text.domain);
  add_plain_words(text, set, class_names);
  return text;
}

// What lies below a folder by name. Each folder is entered once, whichever links lead to it; of every other way there only
// where it leads is noted.
struct Listing {
  std::vector<std::filesystem::path> files;
  std::vector<std::string> links;  // "a/again -> a"
};

class Lister {
 public:
  explicit Lister(const std::filesystem::path& root) : root_(root), real_root_(std::filesystem::canonical(root)) {
    enter(root);
  }
  Listing result() && { return std::move(listing_); }

 private:
  void enter(const std::filesystem::path& folder) {
    const std::filesystem::path real = std::filesystem::canonical(folder);
    if (!seen_.insert(real).second) {
      listing_.links.push_back(folder.lexically_relative(root_).string() + " -> " +
                               real.lexically_relative(real_root_).string());
      return;
    }
    std::vector<std::filesystem::directory_entry> entries;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) entries.push_back(entry);
    std::ranges::sort(entries);
    for (const auto& entry : entries) {
      if (interrupt_requested()) throw Interrupted("stopped while listing " + folder.string() + ".");
      if (entry.is_directory()) enter(entry.path());
      if (entry.is_regular_file()) listing_.files.push_back(entry.path());
    }
  }

  std::filesystem::path root_;
  std::filesystem::path real_root_;
  std::set<std::filesystem::path> seen_;
  Listing listing_;
};

Listing list_files(const datasets::RealSet& set) {
  const Waiting waiting(set.name + ": listing " + set.folder.string());
  try {
    return Lister(set.folder).result();
  } catch (const std::filesystem::filesystem_error& error) {  // a link to itself, or a folder that may not be read
    throw std::runtime_error("[data] " + error.path1().string() + ": cannot be followed: " + error.code().message() +
                             "; mend or remove it.");
  }
}

void hash_bytes(const std::filesystem::path& file, engine::Hash& hash) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) throw std::runtime_error("[data] " + file.string() + ": cannot be read; check its permissions.");
  std::vector<char> block(1 << 20);
  do {
    stream.read(block.data(), std::ssize(block));
    hash.add(std::string_view(block.data(), static_cast<std::size_t>(stream.gcount())));
  } while (stream && !interrupt_requested());
  if (stream.bad()) throw std::runtime_error("[data] " + file.string() + ": cannot be read to its end.");
}

// Names and sizes of all files in the folder, their bytes as long as those are 2 GiB together (of the others, when they were
// last written), and the words for them: results made from other data must not be taken for these.
std::string content_of(const datasets::RealSet& set, const datasets::TaskText& text) {
  const std::filesystem::path& folder = set.folder;
  const auto [files, links] = list_files(set);
  engine::Hash hash;
  for (const std::string& link : links) hash.add(link + "\n");
  std::uint64_t hashed = 0;
  std::int64_t done = 0;
  Progress progress(set.name + " fingerprint", static_cast<std::int64_t>(files.size()), 0, 1, "files");
  progress.show_after(kMoment);
  for (const std::filesystem::path& file : files) {
    const std::uint64_t size = std::filesystem::file_size(file);
    hash.add(file.lexically_relative(folder).string());
    hash.add(size);
    if (size <= kMostHashed - hashed) {  // small ones behind a large one are still read
      hashed += size;
      hash_bytes(file, hash);
    } else {
      hash.add(static_cast<std::uint64_t>(std::filesystem::last_write_time(file).time_since_epoch().count()));
    }
    progress.update(++done);
    if (interrupt_requested()) throw Interrupted("stopped while reading " + file.string() + ".");
  }
  for (const auto* const words : {&text.class_names, &text.aliases, &text.templates}) {
    for (const std::string& each : *words) hash.add(each + "\n");
  }
  return hash.hex();
}

std::vector<std::int64_t> shuffled(std::int64_t count) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  engine::Random({kSplitSeed, static_cast<std::uint64_t>(count)}).shuffle(order);
  return order;
}

struct RealParts {
  DatasetPtr web, validation, train, test;
};

// The first `most` of the images begin .. end - 1 in an order fixed for good.
DatasetPtr part(const DatasetPtr& set, std::int64_t begin, std::int64_t end, std::int64_t most,
                const datasets::RealSet& of, std::string_view what) {
  const std::int64_t count = std::min(end - begin, most);
  if (count < 1)
    throw std::runtime_error("[data] " + of.folder.string() + ": " + std::to_string(set->size()) +
                             " images are too few to divide: none is left for " + std::string(what) + "; add images.");
  const std::vector<std::int64_t> order = shuffled(set->size());
  return std::make_shared<const datasets::Subset>(
      set, std::vector<std::int64_t>(order.begin() + begin, order.begin() + begin + count));
}

RealParts divide(const TaskSource& source, const Recipe& recipe) {
  const datasets::RealSet& set = *source.real;
  const datasets::RealSplits& splits = real_splits(source, recipe.vit.image_size);
  const std::int64_t trained = splits.train->size();
  const double web_share = recipe.pretrain.images_per_domain > 0 ? kWebShare : 0.0;
  const std::int64_t web_end = static_cast<std::int64_t>(web_share * static_cast<double>(trained));
  const auto head = [&](const DatasetPtr& whole, std::int64_t most, std::string_view what) {
    return part(whole, 0, whole->size(), most, set, what);
  };
  return {web_share > 0.0 ? part(splits.train, 0, web_end, recipe.pretrain.images_per_domain, set, "pre-training")
                          : nullptr,
          head(splits.validation, recipe.finetune.validation_images, "validation"),
          part(splits.train, web_end, trained, recipe.finetune.train_images, set, "fine-tuning"),
          head(splits.test, recipe.finetune.test_images, "testing")};
}

// Real images in the web style: image i is image i mod n of the base, styled by a random stream of its own.
class StyledDataset final : public Dataset {
 public:
  StyledDataset(DatasetPtr base, std::int64_t count, std::uint64_t seed, const std::string& name)
      : base_(std::move(base)), count_(count), seed_(seed), name_hash_(engine::hash_of(name)) {}
  std::int64_t size() const override { return count_; }
  std::int64_t image_size() const override { return base_->image_size(); }
  datasets::Normalisation normalisation() const override { return base_->normalisation(); }
  std::span<const std::string> class_names() const override { return base_->class_names(); }
  std::int64_t label(std::int64_t index) const override { return base_->label(index % base_->size()); }
  void read_image(std::int64_t index, std::span<float> chw) const override {
    base_->read_image(index % base_->size(), chw);
    engine::Random random({seed_, kWebStream, name_hash_, static_cast<std::uint64_t>(index)});
    datasets::world::web_style(chw, image_size(), random);
  }

 private:
  DatasetPtr base_;
  std::int64_t count_;
  std::uint64_t seed_;
  std::uint64_t name_hash_;
};

DatasetPtr drawn(const TaskSource& source, Split split, std::int64_t count, std::uint64_t seed,
                 std::int64_t image_size) {
  return make_world_dataset(datasets::world::find_task(source.name), Distribution::target, split, count, seed,
                            image_size);
}

// Drawn or decoded on the pool; `what` is what the progress bar of a long reading says.
DatasetPtr kept(DatasetPtr source, const std::string& what, engine::ShardPool& pool) {
  const std::int64_t images = source->size();
  Progress progress(what, images, 0, 1, "images");
  progress.show_after(kMoment);
  std::mutex mutex;  // guards progress and done
  std::int64_t done = 0;
  return datasets::in_memory(std::move(source),
                             [&](std::int64_t blocks, const std::function<void(std::int64_t)>& read_block) {
                               pool.run(blocks, [&](std::int64_t block) {
                                 if (interrupt_requested()) throw Interrupted("stopped while reading " + what + ".");
                                 read_block(block);
                                 const std::lock_guard lock(mutex);
                                 ++done;
                                 progress.update(done * images / blocks);
                               });
                             });
}

// The same of a part whose first images may have been kept before: with one seed, a part is the beginning of every longer
// one.
DatasetPtr kept_once(const TaskSource& source, const std::string& name, const DatasetPtr& part, std::uint64_t seed,
                     engine::ShardPool& pool) {
  const std::int64_t count = part->size();
  TaskImages::Kept& known = source.images->kept[name];
  if (known.images == nullptr || known.seed != seed || known.image_size != part->image_size() ||
      known.images->size() < count) {
    known = {seed, part->image_size(), kept(part, source.name + " " + name, pool)};
  }
  if (known.images->size() == count) return known.images;
  std::vector<std::int64_t> first(static_cast<std::size_t>(count));
  std::iota(first.begin(), first.end(), std::int64_t{0});
  return std::make_shared<const datasets::Subset>(known.images, std::move(first));
}

}  // namespace

std::vector<std::string> world_task_names() {
  std::vector<std::string> names;
  for (const datasets::world::TaskSpec& task : datasets::world::tasks()) names.emplace_back(task.name);
  return names;
}

TaskSource find_source(const std::string& name, const std::filesystem::path& data) {
  std::error_code error;
  if (!data.empty() && !std::filesystem::is_directory(data, error))
    throw std::invalid_argument("[data] " + data.string() + ": no such folder.");
  const std::optional<datasets::RealSet> real = data.empty() ? std::nullopt : datasets::find_real_set(name, data);
  const bool built_in = is_world_task(name);
  if (built_in && real) {
    throw std::invalid_argument("[tasks] '" + name + "' is a built-in task, and a set in " + real->folder.string() +
                                "; rename that folder.");
  }
  const auto images = std::make_shared<TaskImages>();
  if (built_in) return {name, std::nullopt, {}, datasets::world::find_task(name).text, images};
  if (real) {
    {
      const Waiting waiting(name + ": reading " + real->folder.string());
      images->named = datasets::load_real_set(*real, Split::test, kNamedSize);
    }
    datasets::TaskText text = text_of(*real, images->named->class_names());
    return {name, real, content_of(*real, text), std::move(text), images};
  }
  std::vector<std::string> names = world_task_names();
  names.emplace_back(datasets::world::control_task().name);
  if (!data.empty()) {
    if (datasets::is_real_set(data)) {
      throw std::invalid_argument("[tasks] no task '" + name + "'; --data " + data.string() +
                                  " is itself a set: give the folder that it lies in.");
    }
    for (const datasets::RealSet& set : datasets::find_real_sets(data)) names.push_back(set.name);
  }
  if (const datasets::KnownSet* const set = datasets::find_known_set(name)) {
    if (data.empty()) throw std::invalid_argument("[tasks] '" + name + "' is a real set; --data says where those lie.");
    std::string folders;
    for (const std::string& folder : set->folders) folders += (folders.empty() ? "" : ", ") + folder;
    throw std::invalid_argument("[tasks] '" + name + "' is a real set, but none in " + data.string() + "; looked for " +
                                folders + "; `datasets list` tells what is no set, and why.");
  }
  std::string known;
  for (const std::string& each : names) known += " " + each;
  throw std::invalid_argument("[tasks] no task '" + name + "'" + nn::nearest_hint(name, names) + "; known:" + known +
                              (data.empty() ? "; --data adds real ones." : "."));
}

std::vector<TaskSource> find_sources(std::vector<std::string> tasks, const std::string& control,
                                     const std::filesystem::path& data) {
  if (tasks.empty()) tasks = world_task_names();
  for (std::string& name : tasks) name = plain_name(name);
  if (control != "none") tasks.push_back(control);
  std::vector<TaskSource> sources;
  for (const std::string& name : tasks) {
    const auto same = [&name](const TaskSource& source) { return source.name == name; };
    if (std::ranges::any_of(sources, same)) {
      throw std::invalid_argument(
          name == control ? "[tasks] '" + name + "' is the control, which is no task; --control names another, or none."
                          : "[tasks] '" + name + "' is named twice.");
    }
    sources.push_back(find_source(name, data));
  }
  return sources;
}

std::vector<std::string> task_names(const std::vector<TaskSource>& sources, const std::string& control) {
  std::vector<std::string> names;
  for (const TaskSource& source : sources) {
    if (source.name != control) names.push_back(source.name);
  }
  return names;
}

void check_usable(const datasets::RealSet& set) {
  const TaskSource source{set.name, set, {}, {}, std::make_shared<TaskImages>()};
  text_of(set, real_splits(source, kNamedSize).test->class_names());
  divide(source, Recipe());
}

Json contents(const std::vector<TaskSource>& sources) {
  Json map = Json::object();
  for (const TaskSource& source : sources) map[source.name] = source.content;
  return map;
}

const datasets::RealSplits& real_splits(const TaskSource& source, std::int64_t image_size) {
  TaskImages& images = *source.images;
  const auto known = images.splits.find(image_size);
  if (known != images.splits.end()) return known->second;
  const Waiting waiting(source.name + ": reading " + source.real->folder.string());
  DatasetPtr test = image_size == kNamedSize ? images.named : nullptr;
  return images.splits.emplace(image_size, datasets::load_real_splits(*source.real, image_size, std::move(test)))
      .first->second;
}

TaskData load_task(const TaskSource& source, const Recipe& recipe, std::uint64_t seed, engine::ShardPool& pool) {
  const FinetuneRecipe& sizes = recipe.finetune;
  const auto data = [&](DatasetPtr train, DatasetPtr validation, DatasetPtr test) -> TaskData {
    const auto normalised = [&](DatasetPtr images) -> DatasetPtr {
      return std::make_shared<const datasets::Normalised>(std::move(images), recipe.normalisation);
    };
    return {source.name,
            source.content,
            source.text,
            normalised(std::move(train)),
            normalised(std::move(validation)),
            normalised(std::move(test))};
  };
  if (!source.real) {
    const auto draw = [&](Split split, const std::string& name, std::int64_t count) {
      return kept_once(source, name, drawn(source, split, count, seed, recipe.vit.image_size), seed, pool);
    };
    return data(draw(Split::train, "train", sizes.train_images),
                draw(Split::validation, "validation", sizes.validation_images),
                draw(Split::test, "test", sizes.test_images));
  }
  const RealParts parts = divide(source, recipe);
  return data(sizes.random_crop ? parts.train : kept_once(source, "train", parts.train, kSplitSeed, pool),
              kept_once(source, "validation", parts.validation, kSplitSeed, pool),
              kept_once(source, "test", parts.test, kSplitSeed, pool));
}

DatasetPtr images_of(const TaskSource& source, Split split, std::int64_t most, const Recipe& recipe,
                     std::uint64_t seed) {
  DatasetPtr images;
  if (source.real) {
    const datasets::RealSplits& splits = real_splits(source, recipe.vit.image_size);
    const DatasetPtr& whole = split == Split::train        ? splits.train
                              : split == Split::validation ? splits.validation
                                                           : splits.test;
    images = most < whole->size() ? part(whole, 0, whole->size(), most, *source.real, "evaluation") : whole;
  } else {
    images = drawn(source, split, most, seed, recipe.vit.image_size);
  }
  constexpr std::int64_t kNone = 0;  // they are looked at once: rounded as kept images are, but not kept
  return std::make_shared<const datasets::Normalised>(datasets::in_memory(std::move(images), datasets::serial, kNone),
                                                      recipe.normalisation);
}

DatasetPtr load_web(const TaskSource& source, const Recipe& recipe, std::uint64_t seed, engine::ShardPool& pool) {
  const std::int64_t count = recipe.pretrain.images_per_domain;
  const std::string what = source.name + " web images";
  if (!source.real) {
    return kept(make_world_dataset(datasets::world::find_task(source.name), Distribution::web, Split::train, count,
                                   seed, recipe.vit.image_size),
                what, pool);
  }
  return kept(std::make_shared<const StyledDataset>(divide(source, recipe).web, count, seed, source.name), what, pool);
}

}  // namespace experiments
