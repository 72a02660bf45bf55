// contact_sheet: looks at the built-in world. One PNG per task, one row per class with its name; `datasets show` does the same
// for any set, with counts.
//   contact_sheet --task digits --distribution web --samples 10 --seed 0 --out sheets
#include "experiments/data/contact_sheet.hpp"

#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "datasets/world/tasks.hpp"
#include "datasets/world/world_dataset.hpp"
#include "experiments/common/program.hpp"
#include "experiments/common/run_folder.hpp"

namespace {

namespace world = datasets::world;

struct Options {
  std::string task = "all";
  std::string distribution = "target";
  std::int64_t samples = 10;
  std::uint64_t seed = 0;
  std::filesystem::path out = "sheets";
};

std::vector<world::TaskSpec> chosen_tasks(const std::string& name) {
  if (name != "all") return {world::find_task(name)};
  std::vector<world::TaskSpec> all(world::tasks().begin(), world::tasks().end());
  all.push_back(world::control_task());
  return all;
}

void draw(const Options& options) {
  constexpr std::int64_t kImageSize = 32;
  const auto distribution = options.distribution == "web" ? world::Distribution::web : world::Distribution::target;
  const experiments::RunFolder folder(options.out);
  for (const world::TaskSpec& task : chosen_tasks(options.task)) {
    const std::int64_t count = static_cast<std::int64_t>(task.text.class_names.size()) * options.samples;
    const auto set =
        world::make_world_dataset(task, distribution, datasets::Split::train, count, options.seed, kImageSize);
    const std::filesystem::path file = folder / (std::string(task.name) + "_" + options.distribution + ".png");
    experiments::write_contact_sheet(*set, options.samples, file);
    std::printf("%s\n", file.c_str());
  }
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  experiments::CommandLine line("Draws samples of the built-in tasks, one row per class.");
  line.option("--task", options.task, "A task's name, or all");
  line.option("--distribution", options.distribution, "target (what is learned) or web (pre-training)")
      .among({"target", "web"});
  line.option("--samples", options.samples, "Images per class").between(1, 1000);
  line.option("--seed", options.seed, "Seed of the images");
  line.option("--out", options.out, "Folder for the PNG files, made if absent");
  return experiments::run_program(line, argc, argv, [&] { draw(options); });
}
