// datasets: what there is to learn from, built in or below --data.
//   datasets list --data DIR            the sets that are found, and those that could be
//   datasets show NAME ... --data DIR   a contact sheet of each, and what is in it
//   datasets check NAME ... --data DIR  reads every image and names each one that cannot be read
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "datasets/class_names.hpp"
#include "datasets/file_tree.hpp"
#include "datasets/registry.hpp"
#include "datasets/world/tasks.hpp"
#include "datasets/world/world_dataset.hpp"
#include "engine/tensor/utf8.hpp"
#include "experiments/common/interrupt.hpp"
#include "experiments/common/program.hpp"
#include "experiments/common/progress.hpp"
#include "experiments/common/run_folder.hpp"
#include "experiments/common/tasks.hpp"
#include "experiments/data/contact_sheet.hpp"
#include "experiments/data/survey.hpp"

namespace experiments {
namespace {

struct Options {
  std::filesystem::path data;
  std::vector<std::string> names;
  std::string distribution = "target";
  std::int64_t samples = 10;
  std::int64_t image_size = 32;
  std::uint64_t seed = 0;
  int threads = 0;
  std::filesystem::path out = "sheets";
};

// The parts of a set, by name.
using Parts = std::vector<std::pair<std::string, DatasetPtr>>;

long long printable(std::int64_t number) { return static_cast<long long>(number); }

Parts parts_of(const TaskSource& source, const Options& options) {
  if (source.real) {
    const datasets::RealSplits& splits = real_splits(source, options.image_size);
    return {{"train", splits.train}, {"validation", splits.validation}, {"test", splits.test}};
  }
  const auto distribution =
      options.distribution == "web" ? datasets::world::Distribution::web : datasets::world::Distribution::target;
  const std::int64_t count = static_cast<std::int64_t>(source.text.class_names.size()) * options.samples;
  return {{"drawn", make_world_dataset(datasets::world::find_task(source.name), distribution, datasets::Split::train,
                                       count, options.seed, options.image_size)}};
}

void list_found(const datasets::RealSet& set) {
  std::printf("%-17s %-14s ", set.name.c_str(), std::string(set.format->name).c_str());
  try {
    const Waiting waiting(set.name + ": reading " + set.folder.string());
    const datasets::RealSplits splits = datasets::load_real_splits(set, 32);
    std::printf("%7zu %8lld %10lld %8lld  %s\n", splits.train->class_names().size(), printable(splits.train->size()),
                printable(splits.validation->size()), printable(splits.test->size()), set.folder.c_str());
  } catch (const std::runtime_error& error) {
    std::printf("%s\n", error.what());
  }
}

// "photos (looks like ...), notes (in no layout that is looked for)": the folders in which no set was found.
std::string passed_over(const std::filesystem::path& data, const std::vector<datasets::RealSet>& found) {
  std::string folders;
  const auto add = [&](const std::string& name, const std::string& why) {
    folders += "\n  " + engine::shown(name) + ": " + why;
  };
  std::vector<std::string> unfollowed;
  for (const std::string& name : datasets::folder_names(data, &unfollowed)) {
    const auto is_here = [&](const std::filesystem::path& folder) { return *folder.begin() == name; };
    const bool holds_set = std::ranges::any_of(found, [&](const datasets::RealSet& set) {
      return is_here(set.folder.lexically_relative(data)) ||
             (set.known != nullptr && std::ranges::any_of(set.known->folders, is_here));
    });
    if (holds_set) continue;
    add(name, datasets::is_plain_text(name) ? datasets::why_no_set(data / name)
                                            : "its name is not UTF-8 or holds a control character");
  }
  for (const std::string& name : unfollowed) add(name, "a link that cannot be followed");
  return folders;
}

// Where --data is a set, and not the folder that it lies in.
std::string hint_of_parent(const std::filesystem::path& data) {
  return datasets::is_real_set(data) ? data.string() +
                                           " is itself a set: give the folder that it lies in, or move its "
                                           "files into a folder of their own below it."
                                     : std::string();
}

void list(const Options& options) {
  std::vector<datasets::RealSet> found;
  if (!options.data.empty()) found = datasets::find_real_sets(options.data);
  std::printf("%-17s %-14s %7s %8s %10s %8s  %s\n", "name", "format", "classes", "train", "validation", "test",
              "folder");
  const auto built_in = [](const datasets::world::TaskSpec& task) {
    std::printf("%-17s %-14s %7zu %8s %10s %8s\n", std::string(task.name).c_str(), "built in",
                task.text.class_names.size(), "any", "any", "any");
  };
  for (const datasets::world::TaskSpec& task : datasets::world::tasks()) built_in(task);
  built_in(datasets::world::control_task());
  for (const datasets::RealSet& set : found) list_found(set);
  if (!options.data.empty()) {
    if (const std::string folders = passed_over(options.data, found); !folders.empty())
      std::printf("\nPassed over in %s:%s\n", options.data.c_str(), folders.c_str());
    if (const std::string hint = hint_of_parent(options.data); !hint.empty()) std::printf("\n%s\n", hint.c_str());
  }

  std::printf("\nKnown, but not found%s; looked for below --data as:\n",
              options.data.empty() ? "" : (" in " + options.data.string()).c_str());
  for (const datasets::KnownSet& known : datasets::known_sets()) {
    if (std::ranges::any_of(found, [&](const datasets::RealSet& set) { return set.known == &known; })) continue;
    std::string folders;
    for (const std::string& folder : known.folders) folders += (folders.empty() ? "" : ", ") + folder;
    std::printf("%-17s %s\n", known.name.c_str(), folders.c_str());
  }
  std::printf("\nA folder of any name is a set if it holds:\n");
  for (const datasets::Format& format : datasets::formats())
    std::printf("%-17s %s\n", std::string(format.name).c_str(), std::string(format.layout).c_str());
}

void print_statistics(const std::string& part, const datasets::Normalisation& statistics) {
  const auto& [mean, deviation] = statistics;
  std::printf("%s: mean %.4f %.4f %.4f, deviation %.4f %.4f %.4f (red, green, blue)\n", part.c_str(), mean[0], mean[1],
              mean[2], deviation[0], deviation[1], deviation[2]);
}

std::string text_of(const Extent& extent) {  // "25 to 185 pixels"
  return extent.least == extent.most ? std::to_string(extent.most)
                                     : std::to_string(extent.least) + " to " + std::to_string(extent.most);
}

void show(const TaskSource& source, const Options& options, engine::ShardPool& pool) {
  const Parts parts = parts_of(source, options);
  const std::string name = source.name + (source.real ? "" : "_" + options.distribution);
  const std::filesystem::path sheet = options.out / (name + ".png");
  write_contact_sheet(*parts[0].second, options.samples, sheet);

  std::vector<Survey> surveys;
  for (const auto& [part, set] : parts) surveys.push_back(survey(*set, pool, name + " " + part, Sizes::told));
  std::printf("%s: %zu classes, images at %lld x %lld\n", name.c_str(), parts[0].second->class_names().size(),
              printable(options.image_size), printable(options.image_size));
  std::printf("%-40s", "class");
  for (const auto& [part, set] : parts) std::printf(" %10s", part.c_str());
  for (std::size_t i = 0; i < parts[0].second->class_names().size(); ++i) {
    std::printf("\n%-40s", parts[0].second->class_names()[i].c_str());
    for (const Survey& each : surveys) std::printf(" %10lld", printable(each.images_of_class[i]));
  }
  std::printf("\n%-40s", "all");
  for (const auto& [part, set] : parts) std::printf(" %10lld", printable(set->size()));
  std::printf("\n");
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto& [width, height] = surveys[i].sizes;
    if (width.most > 0) {
      std::printf("%s: pictures %s wide and %s high\n", parts[i].first.c_str(), text_of(width).c_str(),
                  text_of(height).c_str());
    }
    print_statistics(parts[i].first, surveys[i].statistics);
    if (!surveys[i].errors.empty())
      std::printf("%s: %zu images cannot be read; `datasets check %s` names them\n", parts[i].first.c_str(),
                  surveys[i].errors.size(), source.name.c_str());
  }
  if (source.real && source.real->known != nullptr && source.real->known->statistics)
    print_statistics("train, as published, at 32 x 32", *source.real->known->statistics);
  std::printf("%s\n", sheet.c_str());
}

std::vector<std::string> classes_without_images(const datasets::Dataset& part, const Survey& survey) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < part.class_names().size(); ++i) {
    if (survey.images_of_class[i] == 0) names.push_back(part.class_names()[i]);
  }
  return names;
}

// Reads all files of the set and returns how many errors it printed.
std::int64_t check(const datasets::RealSet& set, engine::ShardPool& pool) {
  std::int64_t errors = 0;
  std::int64_t images = 0;
  std::vector<std::pair<std::string, datasets::Split>> parts{{"train", datasets::Split::train},
                                                             {"test", datasets::Split::test}};
  if (datasets::has_own_validation(set)) parts.insert(parts.begin() + 1, {"validation", datasets::Split::validation});
  for (const auto& [name, split] : parts) {
    try {
      const DatasetPtr part = [&] {
        const Waiting waiting(set.name + ": reading " + set.folder.string());
        return load_real_set(set, split, 32);
      }();
      images += part->size();
      const Survey found = survey(*part, pool, set.name + " " + name);
      std::vector<std::string> problems = found.errors;
      for (const std::string& empty : classes_without_images(*part, found)) {
        const std::string where = "[data] " + set.folder.string() + ": ";
        if (split == datasets::Split::train) {  // it would be trained as one that never occurs
          problems.push_back(where + "no picture (jpg, png, bmp, ppm, pgm) to train on of class '" + empty +
                             "'; remove the class, or add pictures.");
        } else {
          std::printf("note: %sno picture of class '%s' in the %s part.\n", where.c_str(), empty.c_str(), name.c_str());
        }
      }
      for (const std::string& problem : problems) std::printf("%s\n", problem.c_str());
      errors += static_cast<std::int64_t>(problems.size());
    } catch (const Interrupted&) {
      throw;
    } catch (const std::runtime_error& error) {  // the part as a whole
      std::printf("%s\n", error.what());
      ++errors;
    }
  }
  if (errors == 0) {  // what stands in the way of using it
    try {
      check_usable(set);
    } catch (const std::exception& error) {
      std::printf("%s\n", error.what());
      ++errors;
    }
  }
  std::printf("%s: %lld images, %lld error%s\n", set.name.c_str(), printable(images), printable(errors),
              errors == 1 ? "" : "s");
  return errors;
}

void check_all(const Options& options, engine::ShardPool& pool) {
  std::vector<datasets::RealSet> sets;
  for (std::string name : options.names) {
    while (name.ends_with('/')) name.pop_back();  // as a shell completes it
    std::optional<datasets::RealSet> set = datasets::find_real_set(name, options.data);
    if (!set) {
      find_source(name, options.data);  // throws if there is no such task at all
      throw std::invalid_argument("[check] '" + name + "' is built in and has no files to check.");
    }
    sets.push_back(*std::move(set));
  }
  if (options.names.empty()) sets = datasets::find_real_sets(options.data);
  if (sets.empty()) {
    const std::string hint = hint_of_parent(options.data);
    throw std::invalid_argument("[check] no set in " + options.data.string() +
                                "; `datasets list` tells the layouts that are looked for." +
                                (hint.empty() ? hint : " " + hint));
  }
  std::int64_t errors = 0;
  for (const datasets::RealSet& set : sets) errors += check(set, pool);
  if (errors > 0)
    throw std::runtime_error("[check] " + std::to_string(errors) + (errors == 1 ? " error" : " errors") +
                             "; see above.");
}

}  // namespace
}  // namespace experiments

int main(int argc, char** argv) {
  using namespace experiments;
  Options options;
  CommandLine line("Looks at the data sets there are: the built-in tasks, and real ones below a folder.");
  CommandLine list_line = line.command("list", "The sets that are found, and the layouts that are looked for");
  CommandLine show_line = line.command("show", "Writes a contact sheet of each set and tells what is in it");
  CommandLine check_line = line.command("check", "Reads every image; names each that cannot be read, and exits with 1");
  const auto add_data = [&](CommandLine& command) {
    return command.option("--data", options.data, "Folder with real data sets, one sub-folder each");
  };
  add_data(list_line);
  add_data(show_line);
  add_data(check_line).required();
  show_line.option("names", options.names, "Sets or built-in tasks (default: the built-in ones)");
  check_line.option("names", options.names, "Sets (default: all that are found)");
  for (CommandLine* const command : {&show_line, &check_line}) {
    command->option("--threads", options.threads, "Threads; 0 takes as many as this process may use").between(0, 1024);
  }
  show_line.option("--distribution", options.distribution, "Of built-in tasks: target, or web (pre-training)")
      .among({"target", "web"});
  show_line.option("--samples", options.samples, "Images per class on the sheet").between(1, 1000);
  show_line.option("--image-size", options.image_size, "Side of the images in pixels").between(1, 1024);
  show_line.option("--seed", options.seed, "Seed of built-in images");
  show_line.option("--out", options.out, "Folder for the PNG files, made if absent");
  return run_program(line, argc, argv, [&] {
    if (list_line.is_chosen()) return list(options);
    engine::ShardPool pool(options.threads > 0 ? options.threads : engine::hardware_threads());
    if (check_line.is_chosen()) return check_all(options, pool);
    const RunFolder folder(options.out);
    const bool all = options.names.empty();
    for (const TaskSource& source : find_sources(options.names, all ? "objects" : "none", options.data))
      show(source, options, pool);
  });
}
