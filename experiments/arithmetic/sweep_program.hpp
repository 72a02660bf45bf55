// The command line that `sweep` and `pretraining_length` share.
#pragma once

#include <string>

#include "experiments/arithmetic/sweep.hpp"

namespace experiments {

enum class Swept { by_name, pretraining_steps };  // --vary and --values; or --lengths

// Writes below <runs>/<place> unless told otherwise. Returns the exit status.
int run_sweep_program(int argc, char** argv, const std::string& description, const std::string& place, Swept swept);

}  // namespace experiments
