// report.html: what a run of `reproduce` found, as one page that needs nothing else: no network, no script, no other file.
#pragma once

#include <filesystem>

namespace experiments {

// Writes <folder>/report.html from results.json and manifest.json there. Figures need gnuplot; without it the page has its
// tables and says so. A figure that cannot be drawn is told of on standard error and in its place. Throws
// std::runtime_error naming the file that cannot be read or written.
void write_report(const std::filesystem::path& folder);

}  // namespace experiments
