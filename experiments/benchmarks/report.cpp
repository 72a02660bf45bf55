#include "experiments/benchmarks/report.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "engine/parallel/precision.hpp"
#include "experiments/common/machine.hpp"

namespace experiments::benchmarks {
namespace {

// The median rate of each library and size over the rounds.
std::vector<SgemmRate> medians(const std::vector<std::vector<SgemmRate>>& rounds) {
  std::vector<SgemmRate> result = rounds.front();
  for (std::size_t i = 0; i < result.size(); ++i) {
    std::vector<double> values;
    for (const std::vector<SgemmRate>& round : rounds) values.push_back(round[i].gflops);
    result[i].gflops = median(values);
  }
  return result;
}

constexpr const char* rule_name(engine::Rule rule) {
  constexpr const char* names[] = {"forward", "push", "pull", ""};
  return names[static_cast<std::size_t>(rule)];
}

}  // namespace

double median(std::vector<double> values) {
  std::ranges::sort(values);
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : 0.5 * (values[middle - 1] + values[middle]);
}

void Report::add(const Row& row, const Measurement& measurement) {
  const auto same = [&](const Samples& samples) {
    return samples.row.work.name == row.work.name && samples.row.mode == row.mode && samples.row.threads == row.threads;
  };
  auto found = std::ranges::find_if(rows_, same);
  if (found == rows_.end()) found = rows_.insert(rows_.end(), {row, {}, measurement.flops, 0, 0});
  found->seconds.push_back(measurement.seconds);
  found->peak_bytes = std::max(found->peak_bytes, measurement.peak_bytes);
  found->system_requests += measurement.system_requests;
}

void Report::add(int threads, const std::vector<SgemmRate>& rates) { rates_[threads].push_back(rates); }

const Report::Samples* Report::find(std::string_view work, Mode mode, int threads) const {
  for (const Samples& samples : rows_) {
    if (samples.row.work.name == work && samples.row.mode == mode && samples.row.threads == threads) return &samples;
  }
  return nullptr;
}

double Report::sgemm_gflops(int threads) const {
  double best = 0.0;
  for (const SgemmRate& rate : medians(rates_.at(threads))) best = std::max(best, rate.gflops);
  return best;
}

Report::Summary Report::summary(const Samples& samples) const {
  const double seconds = median(samples.seconds);
  return {seconds, static_cast<double>(samples.row.work.batch) / seconds,
          1e-9 * static_cast<double>(samples.flops) / seconds / sgemm_gflops(samples.row.threads)};
}

// What the rows say beside each other: the price of the tangent space, of many tangents, of one thread less.
Json Report::ratios() const {
  Json all = Json::array();
  const auto add = [&](const Samples& row, const char* name, const Samples* other, double factor) {
    if (other == nullptr) return;
    all.push_back({{"work", row.row.work.name},
                   {"threads", row.row.threads},
                   {"name", name},
                   {"ratio", factor * median(row.seconds) / median(other->seconds)}});
  };
  const int most = rates_.rbegin()->first;
  for (const Samples& row : rows_) {
    const auto [work, mode, threads] = row.row;
    if (mode == Mode::tangent_step)
      add(row, "tangent step / standard step", find(work.name, Mode::standard_step, threads), 1.0);
    if (mode == Mode::stream)
      add(row, "eight tangents streamed / eight linearised forwards",
          find(work.name, Mode::linearised_forward, threads), 1.0 / 8.0);
    if (threads == 1 && most > 1) {
      const std::string name = std::string(to_string(mode)) + ", 1 thread / " + std::to_string(most) + " threads";
      add(row, name.c_str(), find(work.name, mode, most), 1.0);
    }
  }
  return all;
}

Json Report::to_json() const {
  Json rates = Json::array();
  for (const auto& [threads, rounds] : rates_) {
    for (const SgemmRate& rate : medians(rounds)) {
      rates.push_back({{"threads", threads},
                       {"library", rate.library},
                       {"M", rate.M},
                       {"K", rate.K},
                       {"N", rate.N},
                       {"gflops", rate.gflops}});
    }
  }
  Json rows = Json::array();
  for (const Samples& samples : rows_) {
    if (samples.row.mode == Mode::linearised_forward) continue;  // what `stream` is measured by: it is in the ratios
    const auto [seconds, images_per_second, share] = summary(samples);
    rows.push_back({{"work", samples.row.work.name},
                    {"mode", to_string(samples.row.mode)},
                    {"precision", to_string(engine::precision())},
                    {"threads", samples.row.threads},
                    {"seconds", seconds},
                    {"images_per_second", images_per_second},
                    {"sgemm_share", share},
                    {"peak_bytes", samples.peak_bytes},
                    {"system_requests", samples.system_requests},
                    {"rounds", samples.seconds.size()}});
  }
  return {{"machine",
           {{"processor", processor_name()}, {"system", system_name()}, {"threads", engine::hardware_threads()}}},
          {"sgemm_gflops", sgemm_gflops(rates_.rbegin()->first)},
          {"sgemm", std::move(rates)},
          {"rows", std::move(rows)},
          {"ratios", ratios()}};
}

void Report::print() const {
  for (const auto& [threads, rounds] : rates_) {
    std::printf("sgemm on %d thread%s, GF/s:", threads, threads == 1 ? "" : "s");
    for (const SgemmRate& rate : medians(rounds)) {
      std::printf("  %s %lldx%lldx%lld %.0f", rate.library.c_str(), static_cast<long long>(rate.M),
                  static_cast<long long>(rate.K), static_cast<long long>(rate.N), rate.gflops);
    }
    std::printf("\n");
  }
  std::printf("\n%-10s %-20s %7s %10s %10s %12s %10s %9s\n", "work", "mode", "threads", "ms", "images/s", "% of sgemm",
              "peak MiB", "new memory");
  for (const Samples& samples : rows_) {
    const auto [seconds, images_per_second, share] = summary(samples);
    std::printf("%-10s %-20s %7d %10.1f %10.1f %12.1f %10.1f %9lld\n", std::string(samples.row.work.name).c_str(),
                std::string(to_string(samples.row.mode)).c_str(), samples.row.threads, 1e3 * seconds, images_per_second,
                100.0 * share, static_cast<double>(samples.peak_bytes) / (1 << 20),
                static_cast<long long>(samples.system_requests));
  }
  std::printf("\n");
  for (const Json& ratio : ratios()) {
    std::printf("%-10s %d thread%s: %s  %.3f\n", ratio["work"].get<std::string>().c_str(), ratio["threads"].get<int>(),
                ratio["threads"].get<int>() == 1 ? " " : "s", ratio["name"].get<std::string>().c_str(),
                ratio["ratio"].get<double>());
  }
}

void print_profile(const Work& work, Mode mode, const std::vector<engine::RuleTime>& times, double seconds,
                   std::int64_t rounds) {
  const double once = 1.0 / static_cast<double>(rounds);
  std::printf("\n%s %s, one thread: %.1f ms\n", std::string(work.config().name).c_str(),
              std::string(to_string(mode)).c_str(), 1e3 * seconds * once);
  std::printf("%-26s %-8s %8s %10s %7s %8s\n", "op", "rule", "calls", "ms", "%", "GF/s");
  double known = 0.0;
  for (const engine::RuleTime& time : times) {
    known += time.seconds;
    std::printf("%-26s %-8s %8.0f %10.2f %7.1f ", time.name.c_str(), rule_name(time.rule),
                static_cast<double>(time.calls) * once, 1e3 * time.seconds * once, 100.0 * time.seconds / seconds);
    if (time.flops > 0) {
      std::printf("%8.1f\n", 1e-9 * static_cast<double>(time.flops) / time.seconds);
    } else {
      std::printf("%8s\n", "-");
    }
  }
  std::printf("%-26s %-8s %8s %10.2f %7.1f\n", "between the ops", "", "", 1e3 * (seconds - known) * once,
              100.0 * (1.0 - known / seconds));
}

}  // namespace experiments::benchmarks
