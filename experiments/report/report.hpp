// What a run found, for people: each figure as an SVG file, and report.html, one page that needs nothing else: no network,
// no script, no other file.
#pragma once

#include <filesystem>

namespace experiments {

struct Drawn {  // figures
  int done = 0;
  int failed = 0;
};

// Writes <folder>/report.html and <folder>/figures/<experiment>_<n>.svg from results.json and manifest.json there, of
// `reproduce` or of one experiment's own program. Figures need gnuplot; without it the page has its tables and says so. A
// figure that cannot be drawn is told of on standard error and in its place. Throws std::runtime_error naming the file
// that cannot be read or written, or does not hold what a run leaves.
Drawn write_report(const std::filesystem::path& folder);

}  // namespace experiments
