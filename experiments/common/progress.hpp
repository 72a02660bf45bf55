// Progress on standard error: a bar that redraws itself on a terminal, plain lines now and then elsewhere.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace experiments {

class Progress {
 public:
  // `total` steps of `unit` things each ("images"), of which `begin` are done already.
  Progress(std::string label, std::int64_t total, std::int64_t begin = 0, std::int64_t unit = 1,
           std::string_view unit_name = "steps");
  // Nothing is shown in the first so many seconds, so nothing at all of what takes no longer than a moment.
  void show_after(double seconds) noexcept { patience_s_ = seconds; }
  ~Progress();  // leaves the terminal on a new line
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void update(std::int64_t done, double loss);  // a loss of NaN is not shown
  void update(std::int64_t done);

 private:
  using Clock = std::chrono::steady_clock;
  std::string line(std::int64_t done, double loss) const;

  std::string label_;
  std::int64_t total_;
  std::int64_t begin_;
  std::int64_t unit_;
  std::string unit_name_;
  bool terminal_;
  bool drawn_ = false;
  double patience_s_ = 0.0;
  Clock::time_point start_ = Clock::now();
  Clock::time_point shown_ = start_;
};

// For what cannot tell how far it is: while it lives, a line says how long it has lasted, once that is more than a moment.
class Waiting {
 public:
  explicit Waiting(std::string label, double patience_s = 1.0);
  ~Waiting();
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

 private:
  void tell();

  std::string label_;
  double patience_s_;
  std::mutex mutex_;  // guards over_
  std::condition_variable ended_;
  bool over_ = false;
  std::thread teller_;  // the last member: it uses the others
};

std::string duration(double seconds);  // "42 s", "3 min 05 s"
void say(const std::string& message);  // one line on standard error

}  // namespace experiments
