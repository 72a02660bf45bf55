// Ctrl-C as a request: training loops ask between steps, write a checkpoint and stop.
#pragma once

#include <stdexcept>
#include <string>

namespace experiments {

class Interrupted : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// SIGINT and SIGTERM set the flag; a second one ends the program at once. To be called before threads that compute are begun:
// it keeps both signals from the caller and from the threads and programs begun later. Throws std::system_error if the system
// gives no thread to handle them.
void catch_interrupts();
bool interrupt_requested() noexcept;
void reset_interrupt() noexcept;  // as if none had come

// For what keeps nothing of what it has half done. Throws Interrupted if one is requested, "stopped while <doing>; the same
// command starts that again."
void stop_stage_if_asked(const std::string& doing);

// For tests: Ctrl-C as it would come when the question has been asked `times` more times.
void interrupt_after(int times) noexcept;

}  // namespace experiments
