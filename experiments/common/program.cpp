#include "experiments/common/program.hpp"

#include <csignal>
#include <cstdio>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <set>
#include <stdexcept>
#include <variant>

#include "engine/autodiff/inspect.hpp"
#include "engine/parallel/precision.hpp"
#include "engine/parallel/shards.hpp"
#include "experiments/common/interrupt.hpp"
#include "experiments/common/run_folder.hpp"
#include "experiments/common/text_table.hpp"
#include "experiments/common/training_loop.hpp"

namespace experiments {
namespace {

// What to tell who gives a number where it does nothing.
std::string_view why_not_here(Part part) {
  switch (part) {
    case Part::model:
    case Part::pretraining:
      return "the pre-trained weights are made already; `pretrain` and `reproduce` have it";
    case Part::finetuning:
    case Part::training_images:
      return "nothing is trained with it here; `finetune` and `reproduce` have it";
    default:
      return "no such images are looked at here";
  }
}

// "smoke 12, quick 3200, small 12000"; one value where all agree.
std::string in_presets(const RecipeNumber& number) {
  std::string all;
  std::set<std::string> values;
  for (const std::string_view name : preset_names()) {
    const std::string value = written(number.get(preset(name)));
    all += (all.empty() ? "" : ", ") + std::string(name) + " " + value;
    values.insert(value);
  }
  return values.size() == 1 ? *values.begin() : all;
}

void add_recipe_options(CommandLine& line, CommonOptions& options, std::span<const Part> parts,
                        const std::string& heading) {
  const auto add = [&]<class T>(const RecipeNumber& number, T* (*in)(Recipe&)) {
    const auto given = std::make_shared<std::optional<T>>();
    options.changes.push_back([=](Recipe& recipe) { *in(recipe) = given->value_or(*in(recipe)); });
    const std::string help = std::string(number.help) + " (" + in_presets(number) + ")";
    return line.option("--" + std::string(number.name), *given, help).group(heading);
  };
  for (const RecipeNumber& number : recipe_numbers()) {
    if (!is_among(number.part, parts)) {
      line.elsewhere(std::string(number.name), std::string(why_not_here(number.part)));
    } else if (number.is_whole()) {
      add(number, std::get<0>(number.in)).at_least_one();
    } else {
      add(number, std::get<1>(number.in))
          .between(number.least, number.most,
                   number.most == 1.0   ? "a share, 0 to 1"
                   : number.least > 0.0 ? "a positive number"
                                        : "not negative");
    }
  }
  if (is_among(Part::finetuning, parts)) {
    const auto crop = std::make_shared<bool>(false);
    line.flag("--random-crop", *crop,
              "Fine-tune on a random view of each image, 90 to 100 % of it, another one in each epoch")
        .group(heading);
    options.changes.push_back([=](Recipe& recipe) { recipe.finetune.random_crop |= *crop; });
    const auto parts_of_names = std::make_shared<std::vector<std::string>>();
    line.option("--train-only", *parts_of_names,
                "Fine-tune only parameters with one of these as a whole part of their names, between dots: attn, or "
                "mlp,proj, or resblocks.0 (default: all)")
        .group(heading);
    options.changes.push_back([=](Recipe& recipe) {
      if (parts_of_names->empty()) return;
      const std::set<std::string> in_one_order(parts_of_names->begin(), parts_of_names->end());
      recipe.finetune.train_only = {in_one_order.begin(), in_one_order.end()};
    });
  } else {
    for (const char* name : {"random-crop", "train-only"})
      line.elsewhere(name, std::string(why_not_here(Part::finetuning)));
  }
}

}  // namespace

std::filesystem::path default_out(const std::string& place) {
  const std::filesystem::path runs = "runs";
  return place.empty() ? runs : runs / place;
}

void add_run_options(CommandLine& line, CommonOptions& options, const std::string& place) {
  options.out = default_out(place);
  line.option("--seed", options.seed,
              "Decides every random number (default: that of the weights a program goes on from, or 0)");
  line.option("--threads", options.threads,
              "Threads; 0 takes as many as this process may use. The results are the same for any number")
      .between(0, 1024);
  line.option("--out", options.out, "Folder for results.json, manifest.json and weights");
  add_overwrite_option(line,
                       "Replace what a run with other options has left in --out; without it such a run is refused");
  line.option("--data", options.data,
              "Folder with real data sets, one sub-folder each; `datasets list` tells which are found");
  add_precision_option(line);
  line.action(
      "--check-finite", [] { engine::set_check_finite(true); },
      "Stop at the first NaN or Inf and name the op that made it; slower");
  line.config_file("--config",
                   "Read options from a TOML file, such as: preset = \"smoke\"; the command line takes precedence");
}

void add_shard_size_option(CommandLine& line, CommonOptions& options, const std::string& heading) {
  const auto given = std::make_shared<std::optional<std::int64_t>>();
  options.changes.push_back([=](Recipe& recipe) { recipe.shard_size = given->value_or(recipe.shard_size); });
  line.option("--shard-size", *given, "Images that one thread works on at a time; decides the last bits of the results")
      .at_least_one()
      .group(heading);
}

void add_common_options(CommandLine& line, CommonOptions& options, const std::string& place,
                        std::span<const Part> parts) {
  add_run_options(line, options, place);
  line.option("--preset", options.preset, "Size of the run: smoke (seconds), quick (minutes), small (over an hour)")
      .among({preset_names().begin(), preset_names().end()});
  if (is_among(Part::pretraining, parts) || is_among(Part::training_images, parts)) {
    line.action(
            "--save-every", [](const std::string& seconds) { set_save_interval(std::stod(seconds)); },
            "Seconds between the checkpoints from which a killed training run goes on; 60 unless given")
        .between(0.0, 1e9, "not negative");
  } else {
    line.elsewhere("save-every", "nothing is trained here");
  }
  add_recipe_options(line, options, parts,
                     is_among(Part::pretraining, parts)
                         ? "Recipe (default: the preset's)"
                         : "Recipe (default: that of the task vectors if there are some, or the preset's; of a "
                           "checkpoint the rate is 0.00001)");
  add_shard_size_option(line, options);
}

void add_precision_option(CommandLine& line) {
  const auto choose = [](const std::string& value) {
    if (value == "bf16" && !engine::has_bf16_instructions()) {
      throw std::runtime_error(
          "this processor has no bf16 instructions (AVX-512 BF16), so bf16 would be slower than f32; leave the option "
          "out, or say bf16-emulated to see what rounding does.");
    }
    engine::set_precision(value == "f32" ? engine::Precision::f32 : engine::Precision::bf16);
  };
  line.action("--precision", choose,
              "Of matrix products: f32 (default); bf16, faster where the processor has it; bf16-emulated, the same "
              "results, slowly")
      .among({"f32", "bf16", "bf16-emulated"});
}

void add_overwrite_option(CommandLine& line, const std::string& help) {
  line.action(
      "--overwrite", [] { set_overwrite(true); }, help);
}

Recipe chosen_recipe(const CommonOptions& options, const std::function<void(Recipe&)>& defaults) {
  Recipe recipe = preset(options.preset);
  if (defaults) defaults(recipe);
  for (const auto& change : options.changes) change(recipe);
  return recipe;
}

int thread_count(const CommonOptions& options) {
  return options.threads > 0 ? options.threads : engine::hardware_threads();
}

int run_program(CommandLine& line, int argc, char** argv, const std::function<void()>& body) {
  constexpr int kFailed = 1;
  constexpr int kInterrupted = 130;
  if (const std::optional<int> status = line.parse(argc, argv)) return *status;
  std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);  // whole lines, also where standard error goes to the same file
  std::signal(SIGXFSZ, SIG_IGN);  // a file that outgrows its limit is an error of the write, with a message
  const std::string name = std::filesystem::path(argv[0]).filename().string();
  try {
    catch_interrupts();
    body();
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
      throw std::runtime_error("[output] what was to be printed could not be written; is the disk full?");
    return 0;
  } catch (const Interrupted& stop) {
    std::fprintf(stderr, "%s: %s\n", name.c_str(), stop.what());
    return kInterrupted;
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "%s: out of memory; a smaller --preset or --shard-size needs less.\n", name.c_str());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", name.c_str(), error.what());
  }
  return kFailed;
}

}  // namespace experiments
