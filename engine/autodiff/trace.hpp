// Trace: one running transform. Transforms nest; each has a level, and a value followed at some level wraps a value of
// lower levels. After autodidax (Bradbury et al.): the op goes to the innermost trace among its arguments, which
// evaluates on the wrapped values and so hands on to the next.
#pragma once

#include <cstdint>
#include <string_view>

#include "engine/autodiff/primitive.hpp"
#include "engine/autodiff/var.hpp"

namespace engine {

class Trace {
 public:
  Trace();  // opens a level on this thread; the destructor closes it, so a throwing model leaves none open
  virtual ~Trace();
  Trace(const Trace&) = delete;
  Trace& operator=(const Trace&) = delete;
  virtual Vars process(const Op& op, VarSpan x) = 0;

  std::uint64_t id() const noexcept { return id_; }
  int level() const noexcept { return level_; }

 protected:
  const Tracer* own(const Var& x) const noexcept;  // x's tracer if it is followed here, else null
  Var lower(const Var& x) const;                   // what this trace's value wraps; any other value itself

 private:
  std::uint64_t id_;
  int level_;
};

struct Tracer {
  std::uint64_t trace;  // its id and level
  int level;
  Var primal;         // followed at lower levels only
  Tangents tangents;  // of a streaming trace: one per direction
  std::int64_t slot;  // of a recording trace: where its tangent lives
};

Var follow(const Trace& trace, Var primal, Tangents tangents, std::int64_t slot);

// Throws EscapeError, opened by [where], if x is followed by a transform that has ended or runs on another thread.
// dispatch asks this of every argument, a transform of what goes into it and comes out; an op made of others asks first, so that the
// message has its name.
void require_open(std::string_view where, const Var& x);

}  // namespace engine
