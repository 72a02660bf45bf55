// contact_sheet: looks at the built-in world. One PNG per task and distribution, one row per class with its name.
//   contact_sheet --task digits --distribution web --samples 10 --seed 0 --out sheets
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <iostream>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "datasets/image.hpp"
#include "datasets/label_font.hpp"
#include "datasets/split.hpp"
#include "datasets/world/tasks.hpp"
#include "datasets/world/world_dataset.hpp"

namespace {

using datasets::Dataset;
using datasets::world::Distribution;
using datasets::world::TaskSpec;

constexpr std::int64_t kImageSize = 32;
constexpr std::int64_t kZoom = 2;
constexpr std::int64_t kTile = kImageSize * kZoom;
constexpr std::int64_t kGap = 2;
constexpr std::uint8_t kBackground = 235;

struct Options {
  std::string task = "all";
  Distribution distribution = Distribution::target;
  std::int64_t samples = 10;
  std::uint64_t seed = 0;
  std::filesystem::path out = "sheets";
};

// Copies an image [3, S, S], each pixel kZoom × kZoom times, to (left, top) of the sheet.
void place(const std::span<const float> chw, const std::span<std::uint8_t> sheet, const std::int64_t width,
           const std::int64_t left, const std::int64_t top) {
  for (std::int64_t y = 0; y < kTile; ++y) {
    for (std::int64_t x = 0; x < kTile; ++x) {
      for (std::int64_t channel = 0; channel < 3; ++channel) {
        const float value = chw[static_cast<std::size_t>((channel * kImageSize + y / kZoom) * kImageSize + x / kZoom)];
        const std::int64_t pixel = ((top + y) * width + left + x) * 3 + channel;
        sheet[static_cast<std::size_t>(pixel)] = static_cast<std::uint8_t>(std::lround(255.0f * value));
      }
    }
  }
}

void write_sheet(const TaskSpec& task, const Options& options) {
  const auto classes = static_cast<std::int64_t>(task.text.class_names.size());
  const std::shared_ptr<const Dataset> dataset = datasets::world::make_world_dataset(
      task, options.distribution, datasets::Split::train, classes * options.samples, options.seed, kImageSize);

  std::size_t longest = 0;
  for (const std::string& name : task.text.class_names) longest = std::max(longest, name.size());
  const std::int64_t margin = (static_cast<std::int64_t>(longest) + 1) * datasets::kGlyphWidth;
  const std::int64_t width = margin + options.samples * (kTile + kGap);
  const std::int64_t height = classes * (kTile + kGap);
  std::vector<std::uint8_t> sheet(static_cast<std::size_t>(width * height * 3), kBackground);
  for (std::int64_t row = 0; row < classes; ++row) {
    const std::int64_t top = row * (kTile + kGap) + (kTile - datasets::kGlyphHeight) / 2;
    datasets::write_label(sheet, width, datasets::kGlyphWidth / 2, top,
                          task.text.class_names[static_cast<std::size_t>(row)]);
  }

  std::vector<std::int64_t> drawn(static_cast<std::size_t>(classes), 0);  // the data set holds `samples` of each class
  std::vector<float> image(static_cast<std::size_t>(3 * kImageSize * kImageSize));
  for (std::int64_t i = 0; i < dataset->size(); ++i) {
    dataset->read_image(i, image);
    const std::int64_t row = dataset->label(i);
    const std::int64_t column = drawn[static_cast<std::size_t>(row)]++;
    place(image, sheet, width, margin + column * (kTile + kGap), row * (kTile + kGap));
  }

  const std::string name = std::string(task.name) + "_" + std::string(to_string(options.distribution)) + ".png";
  datasets::write_png(options.out / name, width, height, sheet);
  std::cout << (options.out / name).string() << '\n';
}

void run(const Options& options) {
  std::filesystem::create_directories(options.out);
  if (options.task != "all") {
    write_sheet(datasets::world::find_task(options.task), options);
    return;
  }
  for (const TaskSpec& task : datasets::world::tasks()) write_sheet(task, options);
  write_sheet(datasets::world::control_task(), options);
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app{"Draws samples of the built-in tasks, one row per class."};
  app.add_option("--task", options.task, "a task's name, or all")->capture_default_str();
  std::string distribution = "target";
  app.add_option("--distribution", distribution, "target (what is learned) or web (pre-training)")
      ->check(CLI::IsMember({"target", "web"}))
      ->capture_default_str();
  app.add_option("--samples", options.samples, "images per class")->check(CLI::Range(1, 1000))->capture_default_str();
  app.add_option("--seed", options.seed, "seed of the images")->capture_default_str();
  app.add_option("--out", options.out, "folder for the PNG files, made if absent")->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  options.distribution = distribution == "web" ? Distribution::web : Distribution::target;
  try {
    run(options);
  } catch (const std::exception& error) {
    std::cerr << "contact_sheet: " << error.what() << '\n';
    return 1;
  }
  return 0;
}
