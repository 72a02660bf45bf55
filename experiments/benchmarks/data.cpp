#include "experiments/benchmarks/data.hpp"

#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "datasets/loader.hpp"
#include "experiments/benchmarks/report.hpp"
#include "experiments/benchmarks/work.hpp"
#include "experiments/common/batch_stream.hpp"
#include "experiments/common/interrupt.hpp"
#include "experiments/common/machine.hpp"
#include "experiments/common/progress.hpp"
#include "experiments/common/recipe.hpp"
#include "experiments/common/stopwatch.hpp"
#include "experiments/common/tasks.hpp"

namespace experiments::benchmarks {
namespace {

struct Times {  // of some steps
  double elapsed_s;
  double waited_s;
};

struct Row {
  std::string task;
  bool random_crop;
  int threads;
  std::unique_ptr<datasets::Loader> loader;
  std::vector<Times> ahead;
  std::vector<Times> when_due;
};

class Measurer {
 public:
  Measurer(const Recipe& recipe, std::int64_t steps)
      : work_({"data", recipe.vit, recipe.finetune.batch, recipe.shard_size}), steps_(steps) {}

  // The first step is not counted: with it, memory is taken and the stream begins.
  Times ahead(const datasets::Loader& loader, engine::ShardPool& pool) {
    BatchStream batches(loader, 0, steps_ + 1, pool.threads());
    step(batches.next(), pool);
    const double waited = batches.seconds_waited();
    const Stopwatch stopwatch;
    for (std::int64_t i = 0; i < steps_; ++i) step(batches.next(), pool);
    return {stopwatch.seconds(), batches.seconds_waited() - waited};
  }

  Times when_due(const datasets::Loader& loader, engine::ShardPool& pool) {
    step(loader.batch(0, 0), pool);
    double waited = 0.0;
    const Stopwatch stopwatch;
    for (std::int64_t i = 1; i <= steps_; ++i) {
      const Stopwatch since_asked;
      const datasets::Batch batch = loader.batch(i / loader.batches_per_epoch(), i % loader.batches_per_epoch());
      waited += since_asked.seconds();
      step(batch, pool);
    }
    return {stopwatch.seconds(), waited};
  }

 private:
  void step(const datasets::Batch& batch, engine::ShardPool& pool) {
    if (interrupt_requested()) throw Interrupted("stopped before all was measured.");
    work_.step(Mode::standard_step, batch.images, pool);
  }

  Work work_;
  std::int64_t steps_;
};

std::vector<Row> rows_of(const DataOptions& options, Recipe recipe, engine::ShardPool& pool) {
  std::vector<Row> rows;
  for (const TaskSource& source : find_sources(options.tasks, "none", options.data)) {
    for (const bool random_crop : {false, true}) {
      recipe.finetune.random_crop = random_crop;
      const DatasetPtr train = load_task(source, recipe, 0, pool).train;
      const datasets::LoaderOptions loading{
          .batch_size = recipe.finetune.batch, .drop_last = true, .random_crop = random_crop};
      for (const int threads : options.threads)
        rows.push_back({source.name, random_crop, threads, std::make_unique<datasets::Loader>(train, loading), {}, {}});
    }
  }
  return rows;
}

double median_of(const std::vector<Times>& rounds, const std::function<double(const Times&)>& value) {
  std::vector<double> values;
  for (const Times& times : rounds) values.push_back(value(times));
  return median(std::move(values));
}

double waiting_share(const Times& times) { return times.waited_s / times.elapsed_s; }

Json json_of(const Row& row, std::int64_t steps) {
  const auto a_step = [steps](double seconds) { return seconds / static_cast<double>(steps); };
  return {{"task", row.task},
          {"images", row.random_crop ? "random crops" : "in memory"},
          {"threads", row.threads},
          {"step_seconds", median_of(row.ahead, [&](const Times& t) { return a_step(t.elapsed_s); })},
          {"batch_seconds", median_of(row.when_due, [&](const Times& t) { return a_step(t.waited_s); })},
          {"waiting_share", median_of(row.ahead, waiting_share)},
          {"waiting_share_when_due", median_of(row.when_due, waiting_share)},
          {"rounds", row.ahead.size()}};
}

void print(const Json& report) {
  std::printf("%-17s %-13s %7s %10s %12s %16s %17s\n", "task", "images", "threads", "ms a step", "ms a batch",
              "% waiting: ahead", "made when due");
  for (const Json& row : report.at("rows")) {
    std::printf("%-17s %-13s %7d %10.2f %12.2f %16.2f %17.2f\n", row["task"].get<std::string>().c_str(),
                row["images"].get<std::string>().c_str(), row["threads"].get<int>(),
                1e3 * row["step_seconds"].get<double>(), 1e3 * row["batch_seconds"].get<double>(),
                100.0 * row["waiting_share"].get<double>(), 100.0 * row["waiting_share_when_due"].get<double>());
  }
}

}  // namespace

void benchmark_data(const DataOptions& options) {
  std::map<int, engine::ShardPool> pools;
  for (const int threads : options.threads) pools.try_emplace(threads, threads);
  const Recipe recipe = preset(options.preset);
  std::vector<Row> rows = rows_of(options, recipe, pools.rbegin()->second);
  Measurer measurer(recipe, options.steps);
  {
    Progress progress("benchmark data", options.rounds * static_cast<std::int64_t>(rows.size()), 0, 1, "rows");
    std::int64_t done = 0;
    for (std::int64_t round = 0; round < options.rounds; ++round) {
      for (Row& row : rows) {
        engine::ShardPool& pool = pools.at(row.threads);
        row.ahead.push_back(measurer.ahead(*row.loader, pool));
        row.when_due.push_back(measurer.when_due(*row.loader, pool));
        progress.update(++done);
      }
    }
  }
  Json report{{"machine",
               {{"processor", processor_name()}, {"system", system_name()}, {"threads", engine::hardware_threads()}}},
              {"preset", options.preset},
              {"steps", options.steps},
              {"rows", Json::array()}};
  for (const Row& row : rows) report["rows"].push_back(json_of(row, options.steps));
  if (options.json) {
    std::printf("%s\n", report.dump(2).c_str());
  } else {
    print(report);
  }
}

}  // namespace experiments::benchmarks
