// Task vectors of checkpoint files: made, added, scaled, negated, measured and compared, without either model in memory.
//   task_vector subtract TUNED BASE --out tau.safetensors     task_vector add BASE TAU... --scale 0.3 --out edited.safetensors
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "experiments/common/interrupt.hpp"
#include "experiments/common/program.hpp"
#include "experiments/common/run_folder.hpp"
#include "experiments/common/text_table.hpp"
#include "models/task_vector_files.hpp"

namespace experiments {
namespace {

void between() { stop_stage_if_asked("reading the checkpoints"); }

std::vector<std::filesystem::path> paths_of(const std::vector<std::string>& names) {
  return {names.begin(), names.end()};
}

void print_norms(const std::vector<std::string>& files) {
  const std::vector<double> products = models::inner_products(paths_of(files), between);
  TextTable table;
  for (std::size_t i = 0; i < files.size(); ++i)
    table.row(files[i], {decimals(std::sqrt(products[i * files.size() + i]), 6)});
  std::printf("%s", table.text().c_str());
}

// Rows and columns are numbered: the files' names are long.
void print_cosines(const std::vector<std::string>& files) {
  const std::vector<double> products = models::inner_products(paths_of(files), between);
  const std::size_t n = files.size();
  TextTable table;
  std::vector<std::string> head;
  for (std::size_t j = 0; j < n; ++j) head.push_back(std::to_string(j + 1));
  table.row("cosine", head);
  for (std::size_t i = 0; i < n; ++i) {
    std::vector<std::string> row;
    for (std::size_t j = 0; j < n; ++j) {
      const double norms = std::sqrt(products[i * n + i]) * std::sqrt(products[j * n + j]);
      row.push_back(norms > 0.0 ? decimals(products[i * n + j] / norms, 4) : "-");
    }
    table.row(std::to_string(i + 1) + " " + files[i], row);
  }
  std::printf("%s", table.text().c_str());
}

}  // namespace
}  // namespace experiments

int main(int argc, char** argv) {
  using namespace experiments;
  CommandLine line(
      "Arithmetic of checkpoint files, tensor by tensor in constant memory. Hugging Face's and open_clip's layouts of\n"
      "CLIP mix; other safetensors files are matched by their tensors' names.");
  CommandLine subtract = line.command("subtract", "tau = TUNED - BASE, as F32, in the layout of TUNED");
  CommandLine add = line.command("add", "BASE + scale * (sum of TAUs), in the layout and element types of BASE");
  CommandLine scale = line.command("scale", "scale * TAU");
  CommandLine negate = line.command("negate", "-TAU");
  CommandLine norm = line.command("norm", "The Euclidean norm of each file's weights");
  CommandLine cosines = line.command("cosines", "The cosines between files, as a table");
  std::filesystem::path tuned, base, tau, out;
  std::vector<std::string> files;
  double factor = 1.0;
  subtract.option("tuned", tuned, "The fine-tuned checkpoint").required();
  for (CommandLine* const command : {&subtract, &add})
    command->option("base", base, "The checkpoint before fine-tuning").required();
  for (CommandLine* const command : {&scale, &negate}) command->option("tau", tau, "A task vector").required();
  for (CommandLine* const command : {&add, &norm, &cosines}) command->option("files", files, "Task vectors").required();
  for (CommandLine* const command : {&add, &scale})
    command->option("--scale", factor, "The factor").between(-1e9, 1e9, "a number");
  for (CommandLine* const command : {&subtract, &add, &scale, &negate}) {
    command->option("--out", out, "The safetensors file to write").required();
    add_overwrite_option(*command, "Replace --out if it is there; never an input");
  }
  return run_program(line, argc, argv, [&] {
    if (norm.is_chosen()) return print_norms(files);
    if (cosines.is_chosen()) return print_cosines(files);
    demand_free(out);
    if (subtract.is_chosen()) models::subtract_checkpoints(tuned, base, out, between);
    if (add.is_chosen()) models::add_task_vectors(base, paths_of(files), factor, out, between);
    if (scale.is_chosen()) models::scale_task_vector(tau, factor, out, between);
    if (negate.is_chosen()) models::scale_task_vector(tau, -1.0, out, between);
    std::printf("%s\n", out.c_str());
  });
}
