#include "experiments/benchmarks/serve.hpp"

#include <cstdint>
#include <exception>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>
#include <string>

#include "experiments/benchmarks/work.hpp"

namespace experiments::benchmarks {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kWarmUp = 2;

// A line of /proc/self/status in bytes, such as VmRSS (resident now) or VmHWM (the most since the mark was reset).
std::int64_t status_bytes(const std::string& field) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(field + ":")) return 1024 * std::stoll(line.substr(field.size() + 1));
  }
  throw std::runtime_error("[serve] /proc/self/status has no " + field + ".");
}

void reset_high_water_mark() { std::ofstream("/proc/self/clear_refs") << "5"; }

class Server {
 public:
  Json answer(const std::string& line) {
    std::istringstream words(line);
    std::string command, work, mode;
    int threads = 0;
    words >> command >> work >> mode >> threads;
    if (!words) throw std::invalid_argument("[serve] needs 'prepare|run WORK MODE THREADS ...'; got '" + line + "'.");
    if (command != "prepare" && command != "run")
      throw std::invalid_argument("[serve] knows prepare, run and quit; got '" + command + "'.");
    const std::int64_t base_bytes = status_bytes("VmRSS");
    engine::ShardPool& pool = pool_of(threads);
    Work& prepared = work_of(work);
    // The peers' "forward8" is eight linearised forwards, one after the other.
    const bool is_eight = mode == "forward8";
    const Mode asked = is_eight ? Mode::linearised_forward : find_mode(mode);
    if (command == "prepare") {
      for (int i = 0; i < kWarmUp; ++i) prepared.run(asked, pool);
      return {{"ok", true}, {"variants", {"tangent"}}, {"base_bytes", base_bytes}};
    }
    double seconds = 0.0;
    reset_high_water_mark();
    for (int i = 0; i < (is_eight ? 8 : 1); ++i) seconds += prepared.run(asked, pool).seconds;
    return {{"seconds", seconds}, {"peak_bytes", status_bytes("VmHWM")}};
  }

 private:
  engine::ShardPool& pool_of(int threads) {
    std::unique_ptr<engine::ShardPool>& pool = pools_[threads];
    if (pool == nullptr) pool = std::make_unique<engine::ShardPool>(threads);
    return *pool;
  }
  Work& work_of(const std::string& name) {
    std::unique_ptr<Work>& work = works_[name];
    if (work == nullptr) work = std::make_unique<Work>(find_work(name));
    return *work;
  }

  std::map<int, std::unique_ptr<engine::ShardPool>> pools_;
  std::map<std::string, std::unique_ptr<Work>> works_;
};

}  // namespace

void serve() {
  Server server;
  for (std::string line; std::getline(std::cin, line) && line != "quit";) {
    Json answer;
    try {
      answer = server.answer(line);
    } catch (const std::exception& error) {
      answer = {{"ok", false}, {"why", error.what()}};
    }
    std::cout << answer.dump(-1, ' ', false, Json::error_handler_t::replace) << std::endl;  // a line may be any bytes
  }
}

}  // namespace experiments::benchmarks
