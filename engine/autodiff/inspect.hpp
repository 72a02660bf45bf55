// Watching the rules at work: is what they make finite, and where does the time go? Both are for the whole process, are
// switched between steps, and cost one load and one branch for each rule when they are off.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace engine {

// From now on the first rule that makes a NaN or Inf throws NonFiniteError, which names the op, the rule, and the shapes.
void set_check_finite(bool on) noexcept;

enum class Rule : std::uint8_t { forward, push, pull, other };

struct RuleTime {
  std::string name;  // of the op, or of other work that is timed
  Rule rule;
  std::int64_t calls = 0;
  double seconds = 0.0;    // of every thread that ran it
  std::int64_t flops = 0;  // of its products
};

// Forgets what was timed and times every rule from now on. Rules called by rules count for the outermost one.
void start_profile();
std::vector<RuleTime> stop_profile();  // the longest first

// Times its own life as work of this name while a profile is taken, unless it lies within other work.
class Timed {
 public:
  explicit Timed(std::string_view name, Rule rule = Rule::other);
  ~Timed();
  Timed(const Timed&) = delete;
  Timed& operator=(const Timed&) = delete;

 private:
  std::string_view name_;
  bool is_noted_ = false;
  Rule rule_;
  std::int64_t begin_ns_ = 0;
  std::int64_t begin_flops_ = 0;
};

}  // namespace engine
