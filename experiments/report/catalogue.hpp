// The experiments that reports show, one entry each; `reproduce` runs those of them that begin with one chain. To add one,
// write its entry.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "experiments/arithmetic/task_vectors.hpp"
#include "experiments/report/gnuplot.hpp"

namespace experiments {

// What is there when the experiments begin: weights of the pre-trained model and of every task in both modes.
struct Chain {
  const Context& context;
  const TaskVectorInputs& inputs;
  std::string preset;
};

struct Experiment {
  std::string name;      // of its program, its folder in --out, its key in results.json, and for --experiments
  std::string title;     // of its section in the report
  std::string question;  // what it asks, below the title
  // The stage in its folder; skipped if it is done. None: a link of the chain itself, which `reproduce` runs.
  std::function<Json(const Chain&, const RunFolder&)> run;
  std::function<std::string(const Json& results)> table;  // for people, in plain text
  std::function<std::vector<Figure>(const Json& results)> figures = nullptr;
  // Why it cannot be run on so many tasks with this control, or "none"; empty if it can.
  std::function<std::string(std::size_t tasks, const std::string& control)> impossible = nullptr;
  bool in_chain = true;    // of `reproduce`; else one of many chains, which only its own program runs
  bool by_default = true;  // of those; else it takes long and must be asked for
};

std::span<const Experiment> catalogue();      // in the order in which they run
std::vector<std::string> experiment_names();  // of those in the chain

}  // namespace experiments
