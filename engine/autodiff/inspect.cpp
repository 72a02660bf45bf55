#include "engine/autodiff/inspect.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <utility>

#include "engine/autodiff/watch.hpp"
#include "engine/tensor/errors.hpp"
#include "engine/tensor/finite.hpp"
#include "engine/tensor/matmul_flops.hpp"

namespace engine {
namespace {

constexpr unsigned kFinite = 1;
constexpr unsigned kProfile = 2;
std::atomic<unsigned> watched{0};

void set(unsigned bit, bool on) noexcept { on ? watched.fetch_or(bit) : watched.fetch_and(~bit); }

struct Totals {
  std::mutex mutex;
  std::map<std::pair<std::string, Rule>, RuleTime> of;
};

Totals& totals() {
  static Totals all;
  return all;
}

thread_local bool inside_timed_work = false;
thread_local int rules_running = 0;

std::int64_t now_ns() { return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count(); }

std::string_view to_string(Rule rule) {
  constexpr std::string_view names[] = {"forward", "pushforward", "pullback", "work"};
  return names[static_cast<std::size_t>(rule)];
}

}  // namespace

void set_check_finite(bool on) noexcept { set(kFinite, on); }

void start_profile() {
  const std::lock_guard lock(totals().mutex);
  totals().of.clear();
  set(kProfile, true);
}

std::vector<RuleTime> stop_profile() {
  set(kProfile, false);
  const std::lock_guard lock(totals().mutex);
  std::vector<RuleTime> times;
  for (const auto& [key, time] : totals().of) times.push_back(time);
  std::ranges::sort(times, std::ranges::greater{}, &RuleTime::seconds);
  return times;
}

Timed::Timed(std::string_view name, Rule rule) : rule_(rule) {
  if ((watched.load(std::memory_order_relaxed) & kProfile) == 0 || inside_timed_work) return;
  inside_timed_work = is_noted_ = true;
  name_ = name;
  begin_flops_ = thread_matmul_flops();
  begin_ns_ = now_ns();
}

Timed::~Timed() {
  if (!is_noted_) return;
  const double seconds = 1e-9 * static_cast<double>(now_ns() - begin_ns_);
  inside_timed_work = false;
  const std::lock_guard lock(totals().mutex);
  RuleTime& time =
      totals().of.try_emplace({std::string(name_), rule_}, RuleTime{std::string(name_), rule_}).first->second;
  ++time.calls;
  time.seconds += seconds;
  time.flops += thread_matmul_flops() - begin_flops_;
}

bool is_watched() noexcept { return watched.load(std::memory_order_relaxed) != 0; }
bool checks_finite() noexcept { return (watched.load(std::memory_order_relaxed) & kFinite) != 0; }

Watch::Watch(const Primitive& op, Rule rule) : op_(op), rule_(rule), timed_(op.name(), rule) { ++rules_running; }

Watch::~Watch() { --rules_running; }

void Watch::check(TangentSpan arguments, TangentSpan made) const {
  if (!checks_finite()) return;
  for (std::size_t i = 0; i < made.size(); ++i) {
    if (!made[i].has_value()) continue;
    const std::optional<std::string> found = first_non_finite(made[i]->tensor());
    if (!found.has_value()) continue;
    std::string given;
    bool given_finite = true;
    for (const Tangent& argument : arguments) {
      if (!argument.has_value()) continue;
      const std::optional<std::string> before = first_non_finite(argument->tensor());
      given_finite = given_finite && !before.has_value();
      given += (given.empty() ? " " : ", ") + describe(argument->tensor()) +
               (before.has_value() ? " with " + *before : " all finite");
    }
    if (rules_running > 1 && !given_finite) return;
    throw NonFiniteError("[" + std::string(op_.name()) + "] its " + std::string(to_string(rule_)) +
                         (given_finite ? " made" : " passed on") + " a value that is not finite: result " +
                         std::to_string(i) + ", " + describe(made[i]->tensor()) + ", has " + *found + "; it was given" +
                         given + ".");
  }
}

}  // namespace engine
