#include "experiments/common/tasks.hpp"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <iterator>
#include <map>
#include <numeric>
#include <set>
#include <stdexcept>

#include "datasets/idx.hpp"
#include "datasets/memory_dataset.hpp"
#include "datasets/subset.hpp"
#include "datasets/world/style.hpp"
#include "datasets/world/tasks.hpp"
#include "datasets/world/world_dataset.hpp"
#include "engine/tensor/hash.hpp"
#include "engine/tensor/random.hpp"
#include "models/word_vectors.hpp"

namespace experiments {

using datasets::Dataset;
using datasets::Split;
using datasets::world::Distribution;

namespace {

constexpr double kWebShare = 0.4;  // of a real training set is for pre-training
constexpr double kValidationShare = 0.1;
constexpr std::uint64_t kSplitSeed = 0;  // how a real set is divided does not change with --seed
constexpr std::uint64_t kWebStream = 0x574542;

bool is_world_task(const std::string& name) {
  const std::vector<std::string> names = world_task_names();
  return std::ranges::find(names, name) != names.end() || name == datasets::world::control_task().name;
}

bool has_idx(const std::filesystem::path& folder) {
  std::error_code error;
  return std::filesystem::exists(folder / "t10k-images-idx3-ubyte.gz", error) ||
         std::filesystem::exists(folder / "t10k-images-idx3-ubyte", error);
}

// What a real set shows, as words. Other sets are called by the name of their folder.
std::string domain_of(const std::string& name) {
  static const std::map<std::string, std::string> known{{"mnist", "handwritten numeral"},
                                                        {"fashion_mnist", "clothing article"},
                                                        {"kmnist", "cursive character"},
                                                        {"notmnist", "typeface letter"}};
  const auto found = known.find(name);
  return found != known.end() ? found->second : name + " picture-class";
}

// One word per class that no other class has: "notmnist-a" for the letter A, which alone would be an article. Whatever would end a
// word becomes a hyphen.
std::string class_word(const std::string& set, const std::string& class_name) {
  std::string word = set + "-" + class_name;
  for (char& c : word) {
    const unsigned char byte = static_cast<unsigned char>(c);
    if (byte < 0x80) c = std::isalnum(byte) != 0 ? static_cast<char>(std::tolower(byte)) : '-';
  }
  return word;
}

datasets::TaskText text_of(const std::string& name, std::span<const std::string> class_names) {
  datasets::TaskText text{domain_of(name), {}, {}, {}};
  std::set<std::string> taken;
  for (const std::string& class_name : class_names) {
    text.class_names.push_back(class_word(name, class_name));
    if (!taken.insert(text.class_names.back()).second) {
      throw std::runtime_error("[data] " + name + ": the class '" + class_name +
                               "' is named twice in classes.txt (case and punctuation do not count).");
    }
    text.aliases.push_back("synonym-of-" + text.class_names.back());
  }
  for (const std::string_view opening : {"a photo of a ", "the ", "a picture of the "}) {
    text.templates.push_back(std::string(opening) + text.domain + " {class}");
  }
  return text;
}

// Every byte of the folder's IDX files and class names: results made from other data must not be taken for these.
std::string content_of(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.find("-ubyte") != std::string::npos || name == "classes.txt") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  engine::Hash hash;
  for (const std::filesystem::path& file : files) {
    std::ifstream stream(file, std::ios::binary);
    hash.add(file.filename().string());
    hash.add(std::string(std::istreambuf_iterator<char>(stream), {}));
  }
  return hash.hex();
}

std::vector<std::int64_t> shuffled(std::int64_t count) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  engine::Random({kSplitSeed, static_cast<std::uint64_t>(count)}).shuffle(order);
  return order;
}

struct RealSplit {
  DatasetPtr web, validation, train;
};

RealSplit divide(const TaskSource& source, const Recipe& recipe) {
  const DatasetPtr all = datasets::load_idx_folder(source.folder, Split::train, recipe.vit.image_size);
  const std::vector<std::int64_t> order = shuffled(all->size());
  const std::int64_t web_end = static_cast<std::int64_t>(kWebShare * static_cast<double>(all->size()));
  const std::int64_t validation_end =
      web_end + static_cast<std::int64_t>(kValidationShare * static_cast<double>(all->size()));
  const auto part = [&](std::string_view what, std::int64_t begin, std::int64_t end, std::int64_t most) {
    const std::int64_t count = std::min(end - begin, most);
    if (count < 1)
      throw std::runtime_error("[data] " + source.folder.string() + ": too few training images to set some aside for " +
                               std::string(what) + ".");
    return std::make_shared<const datasets::Subset>(
        all, std::vector<std::int64_t>(order.begin() + begin, order.begin() + begin + count));
  };
  return {part("pre-training", 0, web_end, recipe.pretrain.images_per_domain),
          part("validation", web_end, validation_end, recipe.finetune.validation_images),
          part("fine-tuning", validation_end, all->size(), recipe.finetune.train_images)};
}

// Real images in the web style: image i is image i mod n of the base, styled by a random stream of its own.
class StyledDataset final : public Dataset {
 public:
  StyledDataset(DatasetPtr base, std::int64_t count, std::uint64_t seed, const std::string& name)
      : base_(std::move(base)), count_(count), seed_(seed), name_hash_(engine::hash_of(name)) {}
  std::int64_t size() const override { return count_; }
  std::int64_t image_size() const override { return base_->image_size(); }
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

DatasetPtr drawn(const Dataset& source, engine::ShardPool& pool) {
  constexpr std::int64_t kChunk = 64;  // images per visit of a thread
  return datasets::materialise(source, [&pool](std::int64_t count, const std::function<void(std::int64_t)>& body) {
    pool.run(engine::shard_count(count, kChunk), [&](std::int64_t chunk) {
      const auto [begin, end] = engine::shard_range(chunk, count, kChunk);
      for (std::int64_t i = begin; i < end; ++i) body(i);
    });
  });
}

}  // namespace

std::vector<std::string> world_task_names() {
  std::vector<std::string> names;
  for (const datasets::world::TaskSpec& task : datasets::world::tasks()) names.emplace_back(task.name);
  return names;
}

TaskSource find_source(const std::string& name, const std::filesystem::path& data) {
  if (is_world_task(name)) return {name, {}, {}, datasets::world::find_task(name).text};
  // A name is one folder below --data, never a path out of it.
  const bool plain = !name.empty() && name.find('/') == std::string::npos && name != "." && name != "..";
  if (!data.empty() && plain && has_idx(data / name)) {
    const DatasetPtr test = datasets::load_idx_folder(data / name, Split::test, 32);
    return {name, data / name, content_of(data / name), text_of(name, test->class_names())};
  }
  std::string known;
  for (const std::string& task : world_task_names()) known += " " + task;
  known += " " + std::string(datasets::world::control_task().name);
  std::error_code error;
  if (!data.empty() && !std::filesystem::is_directory(data, error))
    throw std::invalid_argument("[data] " + data.string() + ": no such folder.");
  for (const auto& entry :
       data.empty() ? std::filesystem::directory_iterator() : std::filesystem::directory_iterator(data)) {
    if (has_idx(entry.path())) known += " " + entry.path().filename().string();
  }
  throw std::invalid_argument("[tasks] no task '" + name + "'; known:" + known +
                              (data.empty() ? "; --data adds real ones." : "."));
}

std::vector<TaskSource> find_sources(std::vector<std::string> tasks, const std::string& control,
                                     const std::filesystem::path& data) {
  if (tasks.empty()) tasks = world_task_names();
  if (control != "none") tasks.push_back(control);
  std::vector<TaskSource> sources;
  for (std::string& name : tasks) {
    std::erase(name, ' ');  // of "mnist, kmnist"
    const auto same = [&name](const TaskSource& source) { return source.name == name; };
    if (std::ranges::any_of(sources, same))
      throw std::invalid_argument("[tasks] '" + name + "' is named twice, or is the control as well.");
    sources.push_back(find_source(name, data));
  }
  return sources;
}

TaskData load_task(const TaskSource& source, const Recipe& recipe, std::uint64_t seed, engine::ShardPool& pool) {
  const FinetuneRecipe& sizes = recipe.finetune;
  if (source.folder.empty()) {
    const auto draw = [&](Split split, std::int64_t count) {
      return drawn(*make_world_dataset(datasets::world::find_task(source.name), Distribution::target, split, count,
                                       seed, recipe.vit.image_size),
                   pool);
    };
    return {source.name,
            source.content,
            source.text,
            draw(Split::train, sizes.train_images),
            draw(Split::validation, sizes.validation_images),
            draw(Split::test, sizes.test_images)};
  }
  const RealSplit split = divide(source, recipe);
  const DatasetPtr test = datasets::load_idx_folder(source.folder, Split::test, recipe.vit.image_size);
  std::vector<std::int64_t> chosen = shuffled(test->size());
  chosen.resize(static_cast<std::size_t>(std::min(test->size(), sizes.test_images)));
  return {source.name,
          source.content,
          source.text,
          drawn(*split.train, pool),
          drawn(*split.validation, pool),
          drawn(datasets::Subset(test, chosen), pool)};
}

DatasetPtr load_web(const TaskSource& source, const Recipe& recipe, std::uint64_t seed, engine::ShardPool& pool) {
  const std::int64_t count = recipe.pretrain.images_per_domain;
  if (source.folder.empty()) {
    return drawn(*make_world_dataset(datasets::world::find_task(source.name), Distribution::web, Split::train, count,
                                     seed, recipe.vit.image_size),
                 pool);
  }
  return drawn(StyledDataset(divide(source, recipe).web, count, seed, source.name), pool);
}

}  // namespace experiments
