// Task arithmetic against one number of the recipe, from several seeds.
#include "experiments/arithmetic/sweep_program.hpp"

int main(int argc, char** argv) {
  using namespace experiments;
  return run_sweep_program(
      argc, argv,
      "Runs the whole chain for each value of one number of the recipe and each of several seeds: pre-training,\n"
      "fine-tuning in both modes, addition, negation and disentanglement. Prints tables of means and deviations\n"
      "over seeds, and of how far linear is ahead of standard within each run. Writes results.json, manifest.json\n"
      "and a folder for each run into --out, of which `figures` makes figures; finished stages are skipped. Ctrl-C\n"
      "stops; the same command goes on.",
      "sweep", Swept::by_name);
}
