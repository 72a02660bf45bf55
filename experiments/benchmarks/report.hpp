// The benchmark's results: medians over the rounds, as a table or as JSON.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "engine/autodiff/inspect.hpp"
#include "experiments/benchmarks/sgemm.hpp"
#include "experiments/benchmarks/work.hpp"

namespace experiments::benchmarks {

using Json = nlohmann::ordered_json;

double median(std::vector<double> values);  // of at least one

class Report {
 public:
  struct Row {
    WorkConfig work;
    Mode mode;
    int threads;
  };
  void add(const Row& row, const Measurement& measurement);
  void add(int threads, const std::vector<SgemmRate>& rates);

  void print() const;  // on standard output
  Json to_json() const;

 private:
  struct Samples {
    Row row;
    std::vector<double> seconds;
    std::int64_t flops;       // of one run
    std::int64_t peak_bytes;  // the most of any run
    std::int64_t system_requests = 0;
  };
  struct Summary {
    double seconds, images_per_second, sgemm_share;
  };
  const Samples* find(std::string_view work, Mode mode, int threads) const;
  Summary summary(const Samples& samples) const;
  double sgemm_gflops(int threads) const;  // the best library and size, each by its median
  Json ratios() const;

  std::vector<Samples> rows_;
  std::map<int, std::vector<std::vector<SgemmRate>>> rates_;  // by threads, one list for each round
};

void print_profile(const Work& work, Mode mode, const std::vector<engine::RuleTime>& times, double seconds,
                   std::int64_t rounds);

}  // namespace experiments::benchmarks
