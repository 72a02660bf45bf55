// How fast the engine is on this machine, in one run: everything that is compared alternates, and medians are reported.
//   benchmark --works vit192 --threads 1,2          benchmark --json > here.json          benchmark --profile
//   benchmark ntk --images 256                      the tangent kernel
//   benchmark data --data DIR --tasks mnist,digits  the share of its time that training waits for images
#include <cstdio>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "engine/autodiff/inspect.hpp"
#include "experiments/benchmarks/data.hpp"
#include "experiments/benchmarks/ntk.hpp"
#include "experiments/benchmarks/report.hpp"
#include "experiments/benchmarks/serve.hpp"
#include "experiments/common/interrupt.hpp"
#include "experiments/common/program.hpp"
#include "experiments/common/progress.hpp"

namespace {

using namespace experiments;
using namespace experiments::benchmarks;

struct Options {
  std::vector<std::string> works;
  std::vector<std::string> modes;
  std::vector<int> threads;
  std::int64_t rounds = 7;
  std::int64_t shard_size = 0;
  bool json = false;
  bool profile = false;
  bool serve = false;
  DataOptions waiting;
  NtkBenchmark ntk;
};

std::map<int, std::unique_ptr<engine::ShardPool>> pools_of(const std::vector<int>& threads) {
  std::map<int, std::unique_ptr<engine::ShardPool>> pools;
  for (const int count : threads) pools.emplace(count, std::make_unique<engine::ShardPool>(count));
  return pools;
}

void stop_if_asked() {
  if (interrupt_requested()) throw Interrupted("stopped.");
}

std::vector<std::unique_ptr<Work>> chosen_works(const Options& options) {
  std::vector<std::unique_ptr<Work>> chosen;
  for (const std::string& name : options.works) {
    stop_if_asked();
    WorkConfig config = find_work(name);
    if (options.shard_size > 0) config.shard_size = options.shard_size;
    chosen.push_back(std::make_unique<Work>(config));
  }
  return chosen;
}

std::vector<Mode> chosen_modes(const Options& options) {
  std::vector<Mode> chosen;
  for (const std::string& name : options.modes) chosen.push_back(find_mode(name));
  return chosen;
}

// Every row once in each round, after a first round that is not counted: it makes products ready and takes memory.
Report measure(const Options& options) {
  Report report;
  auto pools = pools_of(options.threads);
  const std::vector<std::unique_ptr<Work>> works = chosen_works(options);
  const std::vector<Mode> modes = chosen_modes(options);
  const std::size_t in_round = pools.size() * works.size() * modes.size();
  Progress progress("benchmark", (options.rounds + 1) * static_cast<std::int64_t>(in_round), 0, 1, "measurements");
  std::int64_t done = 0;
  for (std::int64_t round = 0; round <= options.rounds; ++round) {
    for (auto& [threads, pool] : pools) {
      if (round > 0) report.add(threads, sgemm_rates(*pool));
      for (const std::unique_ptr<Work>& work : works) {
        for (const Mode mode : modes) {
          stop_if_asked();
          const Measurement measurement = work->run(mode, *pool);
          if (round > 0) report.add({work->config(), mode, threads}, measurement);
          progress.update(++done);
        }
      }
    }
  }
  return report;
}

// Where the time of each step goes, on one thread.
void profile(const Options& options) {
  engine::ShardPool pool(1);
  for (const std::unique_ptr<Work>& work : chosen_works(options)) {
    for (const Mode mode : chosen_modes(options)) {
      const std::string label = std::string(work->config().name) + " " + std::string(to_string(mode));
      std::optional<Progress> progress(std::in_place, label, options.rounds, 0, 1, "rounds");
      work->run(mode, pool);
      double seconds = 0.0;
      engine::start_profile();
      for (std::int64_t round = 0; round < options.rounds; ++round) {
        stop_if_asked();
        seconds += work->run(mode, pool).seconds;
        progress->update(round + 1);
      }
      progress.reset();  // before what is printed
      print_profile(*work, mode, engine::stop_profile(), seconds, options.rounds);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  CommandLine line(
      "Measures the engine on this machine: forward passes, training steps in weight space and in tangent\n"
      "space, and streaming, against the rate at which this processor multiplies matrices (sgemm).");
  Options options;
  for (const WorkConfig& work : works()) options.works.emplace_back(work.name);
  for (const Mode mode : modes()) options.modes.emplace_back(to_string(mode));
  options.threads = {1};
  if (engine::hardware_threads() > 1) options.threads.push_back(engine::hardware_threads());
  line.option("--works", options.works, "What is run: vit192, vit128, clip_b32").among(options.works);
  line.option("--modes", options.modes,
              "How: forward, standard_step, tangent_step, stream (eight tangents), "
              "linearised_forward (one)")
      .among(options.modes);
  const Option threads = line.option("--threads", options.threads, "Numbers of threads").between(1, 1024);
  line.option("--rounds", options.rounds, "How often each row is timed; the median is reported").between(1, 10000);
  line.option("--shard-size", options.shard_size, "Images in a shard; 0 takes each model's own").between(0, 1 << 20);
  add_precision_option(line);
  const Option json = line.flag("--json", options.json, "Print one JSON object and no table");
  Option profiled =
      line.flag("--profile", options.profile, "Print instead where the time goes: each op's rules, on one thread");
  profiled.excludes(json).excludes(threads);
  line.flag("--serve", options.serve, "Answer requests on standard input (experiments/peers/README.md)")
      .excludes(json)
      .excludes(profiled);
  CommandLine data = line.optional_command("data", "Measures instead how long training waits for its images");
  options.waiting.threads = options.threads;
  data.option("--tasks", options.waiting.tasks, "Built-in tasks, or sets below --data");
  data.option("--data", options.waiting.data, "Folder with real data sets, one sub-folder each");
  data.option("--preset", options.waiting.preset, "Whose model, batch and number of images are taken")
      .among({preset_names().begin(), preset_names().end()});
  data.option("--threads", options.waiting.threads, "Numbers of threads").between(1, 1024);
  data.option("--steps", options.waiting.steps, "Steps in each round").between(1, 1000000);
  data.option("--rounds", options.waiting.rounds, "How often each row is timed; the median is reported")
      .between(1, 10000);
  data.flag("--json", options.waiting.json, "Print one JSON object and no table");
  CommandLine kernel = line.optional_command("ntk", "Measures instead the tangent kernel of a model, and its memory");
  options.ntk.threads = options.threads;
  kernel.option("--work", options.ntk.work, "Whose model: vit192, vit128, clip_b32").among(options.works);
  kernel.option("--images", options.ntk.images, "How many").between(1, 1 << 14);
  kernel.option("--directions", options.ntk.directions, "Outputs, whose kernels are averaged").between(1, 1 << 14);
  kernel.option("--block", options.ntk.block, "Images that are held at a time").between(1, 1 << 14);
  kernel.option("--threads", options.ntk.threads, "Numbers of threads").between(1, 1024);
  kernel.option("--rounds", options.ntk.rounds, "How often each is timed; the median is reported").between(1, 10000);
  kernel.flag("--json", options.ntk.json, "Print one JSON object and no table");
  return run_program(line, argc, argv, [&] {
    if (kernel.is_chosen()) return benchmark_ntk(options.ntk);
    if (data.is_chosen()) return benchmark_data(options.waiting);
    if (options.serve) return serve();
    if (options.profile) return profile(options);
    const Report report = measure(options);
    if (options.json) {
      std::printf("%s\n", report.to_json().dump(2).c_str());
    } else {
      report.print();
    }
  });
}
