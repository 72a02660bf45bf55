// Work done ahead of the one who needs it: make(begin), make(begin + 1), ... one after the other on a thread of its
// own, while the caller is busy with what was made before. What is made, and in which order, does not depend on who is
// faster.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace engine {

class Ahead {
 public:
  // make(i) for i = begin .. end − 1, until one throws; begun only when fewer than `lead` of those made wait to be
  // taken. Throws std::invalid_argument if begin > end or lead < 1, std::runtime_error if the system gives no thread.
  Ahead(std::int64_t begin, std::int64_t end, std::int64_t lead, std::function<void(std::int64_t)> make);
  ~Ahead();  // waits for the one being made; the rest is dropped
  Ahead(const Ahead&) = delete;
  Ahead& operator=(const Ahead&) = delete;

  // Takes the next: waits until it is made and returns its number. If its `make` threw, throws that, now and on every
  // later call. Throws std::logic_error when all are taken.
  std::int64_t take();
  double seconds_waited() const noexcept;  // in take(), by the caller

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace engine
