#include "datasets/registry.hpp"

#include <algorithm>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "datasets/cifar.hpp"
#include "datasets/class_folders.hpp"
#include "datasets/class_names.hpp"
#include "datasets/file_tree.hpp"
#include "datasets/gtsrb.hpp"
#include "datasets/idx.hpp"
#include "datasets/list_files.hpp"
#include "datasets/reference_split.hpp"
#include "datasets/stanford_cars.hpp"
#include "datasets/stl10.hpp"
#include "datasets/subset.hpp"
#include "datasets/svhn.hpp"

namespace datasets {
namespace {

using Path = std::filesystem::path;

bool has_all(const Path& folder, const std::vector<Path>& names) {
  return std::ranges::all_of(names, [&](const Path& name) { return !first_existing(folder, {name}).empty(); });
}

// In the order in which a folder is tried: from the most particular layout to the most general.
std::vector<Format> make_formats() {
  return {
      {"idx",
       "train-images-idx3-ubyte[.gz], ..., t10k-labels-idx1-ubyte[.gz]",
       {"train-images-idx3-ubyte", "train-images-idx3-ubyte.gz", "t10k-images-idx3-ubyte", "t10k-images-idx3-ubyte.gz"},
       has_idx_files,
       load_idx_folder},
      {"cifar10",
       "data_batch_{1..5}.bin, test_batch.bin, batches.meta.txt",
       {"data_batch_1.bin", "test_batch.bin", "data_batch_1"},
       [](const Path& folder) {
         return has_all(folder, {"test_batch.bin", "batches.meta.txt"});
       },
       load_cifar10},
      {"cifar100",
       "train.bin, test.bin, fine_label_names.txt",
       {"train.bin", "fine_label_names.txt"},
       [](const Path& folder) {
         return has_all(folder, {"test.bin", "fine_label_names.txt"});
       },
       load_cifar100},
      {"stl10",
       "{train,test}_{X,y}.bin, class_names.txt",
       {"train_X.bin", "test_X.bin"},
       [](const Path& folder) {
         return has_all(folder, {"train_X.bin", "class_names.txt"});
       },
       load_stl10},
      {"svhn",
       "{train,test}_32x32.mat",
       {"test_32x32.mat", "extra_32x32.mat"},
       [](const Path& folder) { return has_all(folder, {"train_32x32.mat"}); },
       load_svhn},
      {"gtsrb",
       "Final_Training/Images/000NN/*, Final_Test/Images/*, GT-final_test.csv",
       {"Final_Test", "GTSRB", "GT-final_test.csv"},
       [](const Path& folder) { return !gtsrb_training_folder(folder).empty(); },
       load_gtsrb},
      {"stanford_cars",
       "cars_train/*, cars_test/*, devkit/*.mat, cars_test_annos_withlabels.mat",
       {"cars_train", "cars_test", "devkit"},
       [](const Path& folder) { return has_all(folder, {"devkit/cars_meta.mat"}); },
       load_stanford_cars},
      {"resisc45",
       "NWPU-RESISC45/CLASS/*, resisc45-{train,test}.txt",
       {"NWPU-RESISC45", "resisc45-test.txt"},
       [](const Path& folder) { return has_all(folder, {"resisc45-train.txt"}); },
       load_resisc45},
      {"sun397",
       "a/abbey/* ..., Partitions/{Training,Testing}_01.txt",
       {"Partitions", "Testing_01.txt", "a/abbey"},
       [](const Path& folder) {
         return !first_existing(folder, {"Partitions/Training_01.txt", "Training_01.txt"}).empty();
       },
       load_sun397},
      {"dtd",
       "images/CLASS/*, labels/{train1,val1,test1}.txt",
       {"labels", "dtd/labels"},
       [](const Path& folder) {
         return has_all(folder, {"images", "labels/train1.txt"});
       },
       load_dtd},
      {"omniglot",
       "images_background*/ALPHABET/CHARACTER/*_DRAWER.png",
       {"images_evaluation"},
       [](const Path& folder) { return !first_existing(folder, omniglot_folders()).empty(); },
       load_omniglot},
      {"class_folders",
       "train/CLASS/*, {test,val_in_folder,val}/CLASS/*",
       {"train", "test", "val", "Train", "Test", "training", "testing", "2750"},
       [](const Path& folder) { return has_all(folder, {"train"}) && !test_folder(folder).empty(); },
       load_class_folders},
  };
}

// Another set with its classes called otherwise.
class Renamed final : public Dataset {
 public:
  Renamed(std::shared_ptr<const Dataset> base, std::vector<std::string> class_names)
      : base_(std::move(base)), class_names_(std::move(class_names)) {}
  std::int64_t size() const override { return base_->size(); }
  std::int64_t image_size() const override { return base_->image_size(); }
  Normalisation normalisation() const override { return base_->normalisation(); }
  std::span<const std::string> class_names() const override { return class_names_; }
  std::int64_t label(const std::int64_t index) const override { return base_->label(index); }
  void read_image(const std::int64_t index, const std::span<float> chw) const override {
    base_->read_image(index, chw);
  }
  Picture read_picture(const std::int64_t index) const override { return base_->read_picture(index); }

 private:
  std::shared_ptr<const Dataset> base_;
  std::vector<std::string> class_names_;
};

const Format* format_of(const Path& folder) {
  std::error_code error;
  if (!std::filesystem::is_directory(folder, error)) return nullptr;
  const auto found = std::ranges::find_if(formats(), [&](const Format& format) { return format.matches(folder); });
  return found != formats().end() ? &*found : nullptr;
}

}  // namespace

std::span<const Format> formats() {
  static const std::vector<Format> all = make_formats();
  return all;
}

bool is_real_set(const Path& folder) { return format_of(folder) != nullptr; }

std::string why_no_set(const Path& folder) {
  std::error_code error;
  std::filesystem::directory_iterator(folder, error);
  if (error) return "cannot be listed: " + error.message();
  for (const Format& format : formats()) {
    if (!first_existing(folder, format.signs).empty())
      return "looks like " + std::string(format.name) + ", which needs " + std::string(format.layout);
  }
  return "in no layout that is looked for";
}

std::optional<RealSet> find_real_set(const std::string& name, const Path& data) {
  // A name is one folder below the data, never a path out of it.
  if (name.empty() || name.starts_with('.') || name.find('/') != std::string::npos || !is_plain_text(name))
    return std::nullopt;
  const KnownSet* const known = find_known_set(name);
  for (const std::string& folder : known != nullptr ? known->folders : std::vector<std::string>{name}) {
    if (const Format* const format = format_of(data / folder)) return RealSet{name, data / folder, format, known};
  }
  return std::nullopt;
}

std::vector<RealSet> find_real_sets(const Path& data) {
  std::vector<RealSet> sets;
  const auto add = [&](const std::string& name) {
    std::optional<RealSet> set = find_real_set(name, data);
    if (!set) return;
    const bool taken = std::ranges::any_of(sets, [&](const RealSet& other) { return other.folder == set->folder; });
    if (!taken) sets.push_back(*std::move(set));
  };
  for (const KnownSet& known : known_sets()) add(known.name);
  std::vector<std::string> unfollowed;  // of a link there is no set behind
  for (const std::string& name : folder_names(data, &unfollowed)) add(name);
  std::ranges::sort(sets, {}, &RealSet::name);
  return sets;
}

std::shared_ptr<const Dataset> load_real_set(const RealSet& set, const Split split, const std::int64_t image_size) {
  for (const std::string& part : set.known != nullptr ? set.known->parts : std::vector<std::string>()) {
    if (first_existing(set.folder, {part}).empty()) {
      throw std::runtime_error("[data] " + set.folder.string() + ": " + set.name + " has a " + part +
                               ", which is missing; fetch it, or call the folder otherwise.");
    }
  }
  std::shared_ptr<const Dataset> loaded = set.format->load(set.folder, split, image_size);
  if (set.known == nullptr || set.known->class_name == nullptr || listed_class_names(set.folder)) return loaded;
  std::vector<std::string> names;
  for (const std::string& own : loaded->class_names()) names.push_back(set.known->class_name(own));
  return std::make_shared<const Renamed>(std::move(loaded), std::move(names));
}

bool has_own_validation(const RealSet& set) {
  return set.format->load == load_class_folders && has_validation_folder(set.folder);
}

RealSplits load_real_splits(const RealSet& set, const std::int64_t image_size, std::shared_ptr<const Dataset> test) {
  RealSplits splits;
  splits.test = test ? std::move(test) : load_real_set(set, Split::test, image_size);
  splits.train = load_real_set(set, Split::train, image_size);
  if (has_own_validation(set)) {
    splits.validation = load_real_set(set, Split::validation, image_size);
    return splits;
  }
  ReferenceSplit parts = reference_split(splits.train->size());
  splits.validation = std::make_shared<const Subset>(splits.train, std::move(parts.validation));
  splits.train = std::make_shared<const Subset>(splits.train, std::move(parts.train));
  return splits;
}

}  // namespace datasets
