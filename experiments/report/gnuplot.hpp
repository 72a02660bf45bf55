// Figures drawn by gnuplot, which is called without a shell, in a temporary folder that holds a figure's script and data.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace experiments {

struct Figure {
  std::string caption;  // for people
  std::string script;   // commands that plot, below a preamble that all figures share
  std::vector<std::pair<std::string, std::string>> files;  // name and content of what the script reads
  int width = 720;
  int height = 440;
};

// A gnuplot string that stands for this text: nothing in it is a command or mark-up. Control characters become question
// marks, single quotes apostrophes.
std::string quoted(const std::string& text);

inline constexpr const char* kNoGnuplot =
    "The figures need gnuplot, which was not found; on Debian it is in the package gnuplot-nox.";

class Gnuplot {
 public:
  Gnuplot();  // looks for the program
  bool is_there() const noexcept { return is_there_; }

  // The <svg> element. The names it uses inside begin with `prefix`, since several figures share a page. Throws
  // std::runtime_error with what gnuplot says if it fails.
  std::string draw(const Figure& figure, const std::string& prefix) const;

 private:
  bool is_there_;
};

}  // namespace experiments
