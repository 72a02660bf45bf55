#include "experiments/benchmarks/ntk.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <functional>
#include <nlohmann/json.hpp>

#include "engine/parallel/memory.hpp"
#include "engine/tensor/matmul_flops.hpp"
#include "experiments/benchmarks/report.hpp"
#include "experiments/benchmarks/work.hpp"
#include "experiments/common/interrupt.hpp"
#include "experiments/common/machine.hpp"
#include "experiments/common/progress.hpp"
#include "experiments/common/recipe.hpp"
#include "experiments/common/stopwatch.hpp"
#include "nn/ntk.hpp"

namespace experiments::benchmarks {
namespace {

using engine::DType;
using engine::Tensor;

double seconds_of(const std::function<void()>& work) {
  if (interrupt_requested()) throw Interrupted("stopped.");
  const Stopwatch stopwatch;
  work();
  return stopwatch.seconds();
}

std::int64_t largest_resident_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return 1024 * static_cast<std::int64_t>(usage.ru_maxrss);
}

}  // namespace

void benchmark_ntk(const NtkBenchmark& options) {
  const WorkConfig& config = find_work(options.work);
  const models::Vit vit(config.vit);
  const nn::TangentModel f(vit.model(), nn::initial_params(vit.layout(), 1));
  const std::int64_t S = config.vit.image_size;
  const Tensor images = normal_tensor({options.images, 3, S, S}, 3);
  const Tensor directions = normal_tensor({options.directions, vit.features()}, 4);
  const Tensor v = Tensor::full({options.images}, 1.0, DType::f64);
  Json rows = Json::array();
  const std::int64_t rounds = options.rounds + 1;  // the first makes products ready and is not counted
  Progress progress("benchmark ntk", rounds * std::ssize(options.threads), 0, 1, "rounds");
  for (const int threads : options.threads) {
    engine::ShardPool pool(threads);
    const nn::Shards shards{pool, config.shard_size};
    std::vector<double> kernel_s;
    std::vector<double> cpu_s;
    std::vector<double> product_s;
    std::int64_t flops = 0;
    engine::reset_peak_memory();
    for (std::int64_t round = 0; round < rounds; ++round) {
      const std::int64_t before = engine::matmul_flops();
      const std::clock_t cpu = std::clock();
      const double kernel = seconds_of([&] { nn::ntk(f, images, directions, shards, {.block = options.block}); });
      flops = engine::matmul_flops() - before;
      const double used = static_cast<double>(std::clock() - cpu) / CLOCKS_PER_SEC;
      const double product = seconds_of([&] { nn::ntk_times(f, images, directions, v, shards); });
      progress.update(std::ssize(rows) * rounds + round + 1);
      if (round == 0) continue;
      kernel_s.push_back(kernel);
      cpu_s.push_back(used);
      product_s.push_back(product);
    }
    rows.push_back({{"threads", threads},
                    {"kernel_seconds", median(kernel_s)},
                    {"kernel_cpu_seconds", median(cpu_s)},
                    {"kernel_gflops", 1e-9 * static_cast<double>(flops) / median(kernel_s)},
                    {"product_seconds", median(product_s)},
                    {"tensor_bytes", engine::memory_stats().peak_bytes},
                    {"resident_bytes", largest_resident_bytes()}});
  }
  if (options.json) {
    const Json report{
        {"machine",
         {{"processor", processor_name()}, {"system", system_name()}, {"threads", engine::hardware_threads()}}},
        {"work", options.work},
        {"images", options.images},
        {"directions", options.directions},
        {"block", options.block},
        {"rounds", options.rounds},
        {"rows", rows}};
    std::printf("%s\n", report.dump(2).c_str());
    return;
  }
  std::printf("tangent kernel of %s, %lld images, %lld directions\n", options.work.c_str(),
              static_cast<long long>(options.images), static_cast<long long>(options.directions));
  std::printf("%7s %12s %8s %14s %12s %13s\n", "threads", "kernel: s", "GF/s", "product: s", "tensors: MB",
              "resident: MB");
  for (const Json& row : rows) {
    std::printf("%7d %12.2f %8.0f %14.2f %12.0f %13.0f\n", row["threads"].get<int>(),
                row["kernel_seconds"].get<double>(), row["kernel_gflops"].get<double>(),
                row["product_seconds"].get<double>(), 1e-6 * row["tensor_bytes"].get<double>(),
                1e-6 * row["resident_bytes"].get<double>());
  }
}

}  // namespace experiments::benchmarks
