#include "experiments/report/gnuplot.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <system_error>

#include "experiments/common/interrupt.hpp"

namespace experiments {
namespace {

constexpr const char* kProgram = "gnuplot";
constexpr const char* kScript = "figure.gp";
constexpr const char* kDrawing = "figure.svg";
constexpr const char* kMessages = "messages.txt";

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "tangent_figure_XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) {
      throw std::runtime_error("[gnuplot] " + name + ": cannot be made: " + std::generic_category().message(errno) +
                               ".");
    }
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
};

void write(const std::filesystem::path& file, const std::string& text) {
  std::ofstream stream(file, std::ios::binary);
  stream << text;
  if (!stream.flush()) throw std::runtime_error("[gnuplot] " + file.string() + ": cannot be written.");
}

std::string read(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

// Runs gnuplot in `folder`, with what it says in kMessages. Returns its exit status, or -1 if it cannot be started or
// does not end by itself.
int run_gnuplot(const std::filesystem::path& folder, const std::array<const char*, 2>& arguments) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addchdir_np(&actions, folder.c_str());
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, kMessages, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  // posix_spawnp takes what it does not change as not const.
  const std::array<char*, 4> argv{const_cast<char*>(kProgram), const_cast<char*>(arguments[0]),
                                  const_cast<char*>(arguments[1]), nullptr};
  ::pid_t child = 0;
  // Ctrl-C, which this thread leaves to another, shall end gnuplot.
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  const int error = ::posix_spawnp(&child, kProgram, &actions, &attributes, argv.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return -1;
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return -1;
  }
  // Ctrl-C reaches gnuplot as well, which must not look as if it had failed, or were not there.
  stop_stage_if_asked("drawing figures");
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// Colours that the colour-blind can tell apart [Okabe and Ito 2008], each with a dash and a point of its own for print.
std::string preamble(const Figure& figure) {
  return "set terminal svg size " + std::to_string(figure.width) + "," + std::to_string(figure.height) +
         " dynamic noenhanced rounded linewidth 1.2 font 'sans-serif,13' background rgb 'white'\n"
         "set encoding utf8\n"
         "set output '" +
         kDrawing +
         "'\n"
         "set datafile separator '\\t'\n"
         "set linetype 1 lc rgb '#d55e00' lw 2 dt 1 pt 7 ps 0.7\n"
         "set linetype 2 lc rgb '#0072b2' lw 2 dt 2 pt 9 ps 0.8\n"
         "set linetype 3 lc rgb '#009e73' lw 2 dt 4 pt 5 ps 0.7\n"
         "set linetype 4 lc rgb '#000000' lw 2 dt 1 pt 6 ps 0.7\n"
         "set linetype 5 lc rgb '#cc79a7' lw 2 dt 2 pt 8 ps 0.8\n"
         "set linetype 6 lc rgb '#56b4e9' lw 2 dt 4 pt 4 ps 0.7\n"
         "set linetype 7 lc rgb '#e69f00' lw 2 dt 5 pt 11 ps 0.8\n"
         "set linetype 8 lc rgb '#7f7f7f' lw 2 dt 3 pt 13 ps 0.8\n"
         "set linetype 9 lc rgb '#000000' lw 2 dt 3 pt 12 ps 0.8\n"
         "set linetype 10 lc rgb '#d55e00' lw 2 dt 5 pt 10 ps 0.8\n"
         "set linetype cycle 10\n"
         "set border 3\n"
         "set tics nomirror out\n"
         "set grid lc rgb '#dddddd' lw 1 dt 1\n"
         "set key noenhanced\n";
}

// Puts `prefix` before every name that is defined or referred to.
std::string with_prefix(std::string svg, const std::string& prefix) {
  for (const std::string mark : {" id='", " id=\"", "href='#", "href=\"#", "url(#"}) {
    for (std::size_t at = svg.find(mark); at != std::string::npos; at = svg.find(mark, at))
      svg.insert(at += mark.size(), prefix);
  }
  return svg;
}

// An upright rectangle of one colour, as gnuplot writes it: a polygon on a line of its own.
struct Rectangle {
  std::array<int, 3> colour{};
  double left = 0.0, right = 0.0, begin = 0.0, end = 0.0;  // begin, end: along y, in the direction of drawing
};

std::optional<Rectangle> rectangle_of(const std::string& line) {
  Rectangle r;
  double begin = 0.0, end = 0.0, left = 0.0, right = 0.0;
  const int read = std::sscanf(
      line.c_str(), " <polygon fill = 'rgb(%d, %d, %d)' points = '%lf,%lf %lf,%lf %lf,%lf %lf,%lf", &r.colour[0],
      &r.colour[1], &r.colour[2], &r.left, &r.begin, &r.right, &begin, &right, &r.end, &left, &end);
  const bool upright = read == 11 && begin == r.begin && end == r.end && left == r.left && right == r.right;
  return upright ? std::optional(r) : std::nullopt;
}

std::string path_of(const Rectangle& r) {
  char text[128];
  std::snprintf(text, sizeof(text), "<path fill='#%02x%02x%02x' d='M%.2f,%.2fH%.2fV%.2fH%.2fz'/>\n",
                static_cast<unsigned>(r.colour[0]), static_cast<unsigned>(r.colour[1]),
                static_cast<unsigned>(r.colour[2]), r.left, r.begin, r.right, r.end, r.left);
  return text;
}

// With neighbours of one colour as one rectangle: a map is hundreds of them, and so is the scale beside it.
std::string with_merged_rectangles(const std::string& svg) {
  constexpr double kOverlap = 0.02;
  std::string result;
  std::optional<Rectangle> last;
  std::istringstream lines(svg);
  for (std::string line; std::getline(lines, line);) {
    const std::optional<Rectangle> next = rectangle_of(line);
    if (last && next && next->colour == last->colour && next->left == last->left && next->right == last->right &&
        std::abs(next->begin - last->end) < kOverlap) {
      last->end = next->end;
      continue;
    }
    if (last) result += path_of(*last);
    last = next;
    if (!next) result += line + "\n";
  }
  return result + (last ? path_of(*last) : "");
}

std::string first_lines(const std::string& text) {
  constexpr std::size_t kMost = 400;
  const std::size_t begin = text.find_first_not_of(" \n\t");
  if (begin == std::string::npos) return "no message";
  std::string part = text.substr(begin, kMost);
  for (char& c : part) {
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  }
  return part;
}

}  // namespace

std::string quoted(const std::string& text) {
  // Between single quotes nothing is a command or an escape. A single quote itself would have to be doubled, which
  // gnuplot 5.4 misreads at the beginning of a string; an apostrophe looks the same.
  std::string result = "'";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\'') {
      result += "\u2019";
    } else {
      result += byte < 0x20 || byte == 0x7f ? '?' : c;
    }
  }
  return result + "'";
}

Gnuplot::Gnuplot() : is_there_(run_gnuplot(TemporaryFolder().path(), {"--version", nullptr}) == 0) {}

std::string Gnuplot::draw(const Figure& figure, const std::string& prefix) const {
  const TemporaryFolder folder;
  write(folder.path() / kScript, preamble(figure) + figure.script);
  for (const auto& [name, content] : figure.files) write(folder.path() / name, content);
  const int status = run_gnuplot(folder.path(), {"--default-settings", kScript});
  const std::string svg = read(folder.path() / kDrawing);
  const std::size_t begin = svg.find("<svg");
  const std::size_t end = svg.rfind("</svg>");
  if (status != 0 || begin == std::string::npos || end == std::string::npos)
    throw std::runtime_error("[gnuplot] failed: " + first_lines(read(folder.path() / kMessages)));
  std::string drawing = with_merged_rectangles(with_prefix(svg.substr(begin, end + 6 - begin), prefix));
  drawing.pop_back();  // the end of the last line
  return drawing;
}

}  // namespace experiments
