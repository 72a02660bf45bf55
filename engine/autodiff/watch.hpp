// How the rules are watched (inspect.hpp), for the core alone.
#pragma once

#include "engine/autodiff/inspect.hpp"
#include "engine/autodiff/primitive.hpp"

namespace engine {

bool is_watched() noexcept;  // whether anything at all is asked for
bool checks_finite() noexcept;

// One rule of an op while it runs.
class Watch {
 public:
  Watch(const Primitive& op, Rule rule);
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  // Throws NonFiniteError if finite values are asked for and one of `made` has another. A rule called by a rule that was
  // given such a value is not the one to blame: the outer one tells.
  void check(TangentSpan arguments, TangentSpan made) const;

 private:
  const Primitive& op_;
  Rule rule_;
  Timed timed_;
};

}  // namespace engine
