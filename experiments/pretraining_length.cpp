// Task arithmetic against the number of pre-training steps.
#include "experiments/arithmetic/sweep_program.hpp"

int main(int argc, char** argv) {
  using namespace experiments;
  return run_sweep_program(
      argc, argv,
      "Pre-trains for several numbers of steps, each a run of its own, fine-tunes every task from each in both modes, "
      "and\n"
      "measures addition, negation and disentanglement: `sweep` of the steps of pre-training. Prints tables; writes\n"
      "results.json, manifest.json and a folder for each run into --out; finished stages are skipped. Ctrl-C stops; "
      "the "
      "same\n"
      "command goes on.",
      "pretraining_length", Swept::pretraining_steps);
}
