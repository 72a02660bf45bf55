// The mistakes a caller of the engine can make. Messages read "[where] what was required; what arrived."
#pragma once

#include <stdexcept>

namespace engine {

class ShapeError : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

class DTypeError : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

class NameError : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

// A write to storage that someone else still reads.
class AliasError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

// A NaN or Inf where there was none, found because it was looked for (engine/autodiff/inspect.hpp).
class NonFiniteError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// A traced value outside the transform that made it.
class EscapeError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

}  // namespace engine
