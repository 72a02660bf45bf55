#include "experiments/common/progress.hpp"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

namespace experiments {
namespace {

constexpr int kBarWidth = 24;
constexpr double kRedrawSeconds = 0.2;
constexpr double kLineSeconds = 10.0;

template <class... Values>
std::string format(const char* pattern, Values... values) {
  const int length = std::snprintf(nullptr, 0, pattern, values...);
  std::string text(static_cast<std::size_t>(length) + 1, '\0');
  std::snprintf(text.data(), text.size(), pattern, values...);
  text.pop_back();
  return text;
}

double seconds_between(std::chrono::steady_clock::time_point a, std::chrono::steady_clock::time_point b) {
  return std::chrono::duration<double>(b - a).count();
}

}  // namespace

std::string duration(double seconds) {
  const long long whole = std::llround(seconds);
  if (whole < 60) return format("%lld s", whole);
  if (whole < 3600) return format("%lld min %02lld s", whole / 60, whole % 60);
  return format("%lld h %02lld min", whole / 3600, whole % 3600 / 60);
}

void say(const std::string& message) { std::fprintf(stderr, "%s\n", message.c_str()); }

Progress::Progress(std::string label, std::int64_t total, std::int64_t begin, std::int64_t unit,
                   std::string_view unit_name)
    : label_(std::move(label)),
      total_(total),
      begin_(begin),
      unit_(unit),
      unit_name_(unit_name),
      terminal_(isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
  if (drawn_ && terminal_) std::fputc('\n', stderr);
}

std::string Progress::line(std::int64_t done, double loss) const {
  const double elapsed = seconds_between(start_, Clock::now());
  const double rate = static_cast<double>(done - begin_) / std::max(elapsed, 1e-9);
  const double share = total_ > 0 ? static_cast<double>(done) / static_cast<double>(total_) : 1.0;
  std::string text = label_;
  if (terminal_) {
    const int filled = static_cast<int>(share * kBarWidth);
    text += " [" + std::string(static_cast<std::size_t>(filled), '=') +
            std::string(static_cast<std::size_t>(kBarWidth - filled), ' ') + "]";
  }
  text += format(" %lld/%lld", static_cast<long long>(done), static_cast<long long>(total_));
  if (!std::isnan(loss)) text += format("  loss %.3f", loss);
  const double units = rate * static_cast<double>(unit_);
  text += format(units < 10.0 ? "  %.1f %s/s" : "  %.0f %s/s", units, unit_name_.c_str());
  text += done < total_ && rate > 0.0 ? "  " + duration(static_cast<double>(total_ - done) / rate) + " left"
                                      : "  " + duration(elapsed);
  return text;
}

void Progress::update(std::int64_t done, double loss) {
  const Clock::time_point now = Clock::now();
  if (seconds_between(start_, now) < patience_s_) return;
  const double since = seconds_between(shown_, now);
  if (done < total_ && since < (terminal_ ? kRedrawSeconds : kLineSeconds)) return;
  shown_ = now;
  if (terminal_) {
    std::fprintf(stderr, "\r%s\x1b[K", line(done, loss).c_str());  // clears what a longer line left behind
    std::fflush(stderr);
  } else {
    say(line(done, loss));
  }
  drawn_ = true;
}

void Progress::update(std::int64_t done) { update(done, std::numeric_limits<double>::quiet_NaN()); }

Waiting::Waiting(std::string label, double patience_s)
    : label_(std::move(label)), patience_s_(patience_s), teller_([this] { tell(); }) {}

Waiting::~Waiting() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  ended_.notify_one();
  teller_.join();
}

void Waiting::tell() {
  const bool terminal = isatty(STDERR_FILENO) == 1;
  const auto start = std::chrono::steady_clock::now();
  std::chrono::duration<double> pause(patience_s_);
  std::unique_lock lock(mutex_);
  bool drawn = false;
  while (!ended_.wait_for(lock, pause, [this] { return over_; })) {
    const std::string line = label_ + "  " + duration(seconds_between(start, std::chrono::steady_clock::now()));
    if (terminal) {
      std::fprintf(stderr, "\r%s\x1b[K", line.c_str());
      std::fflush(stderr);
    } else {
      say(line);
    }
    drawn = true;
    pause = std::chrono::duration<double>(terminal ? kRedrawSeconds : kLineSeconds);
  }
  if (drawn && terminal) std::fputc('\n', stderr);
}

}  // namespace experiments
