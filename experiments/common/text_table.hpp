// A table for people: a name, then right-aligned cells, with bars between groups of columns.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace experiments {

class TextTable {
 public:
  // A bar stands before each of the columns `bars_before`, the first cell's number being 0.
  explicit TextTable(std::vector<std::size_t> bars_before = {}) : bars_before_(std::move(bars_before)) {}
  void row(std::string name, std::vector<std::string> cells);
  std::string text() const;

 private:
  struct Row {
    std::string name;
    std::vector<std::string> cells;
  };
  std::vector<std::size_t> bars_before_;
  std::vector<Row> rows_;
};

std::string decimals(double value, int digits);
std::string three_decimals(double value);
std::string written(double value);  // as a user would: 0.0003, 12000
std::string percent(double share);  // 0.1234 -> "12.3"

}  // namespace experiments
