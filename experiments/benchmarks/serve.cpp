#include "experiments/benchmarks/serve.hpp"

#include <exception>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "experiments/benchmarks/work.hpp"

namespace experiments::benchmarks {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kWarmUp = 2;

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
    engine::ShardPool& pool = pool_of(threads);
    Work& prepared = work_of(work);
    const Mode asked = find_mode(mode);
    if (command == "prepare") {
      for (int i = 0; i < kWarmUp; ++i) prepared.run(asked, pool);
      return {{"ok", true}, {"variants", {"tangent"}}};
    }
    const Measurement measurement = prepared.run(asked, pool);
    return {{"seconds", measurement.seconds}, {"peak_bytes", measurement.peak_bytes}};
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
    std::cout << answer.dump() << std::endl;
  }
}

}  // namespace experiments::benchmarks
