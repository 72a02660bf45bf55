// Task arithmetic against the number of pre-training steps.
#include "experiments/arithmetic/sweep_program.hpp"

int main(int argc, char** argv) {
  using namespace experiments;
  return run_sweep_program(
      argc, argv,
      "Pre-trains for several numbers of steps, each a run of its own, fine-tunes every task from each in both\n"
      "modes, and measures addition, negation and disentanglement: `sweep` of the steps of pre-training. Prints\n"
      "tables; writes results.json, manifest.json and a folder for each run into --out, of which `figures` makes\n"
      "figures; finished stages are skipped. Ctrl-C stops; the same command goes on.",
      "pretraining_length", Swept::pretraining_steps);
}
